// In the place of libdrm: any device node is a graphics card's, so that libva takes it.

#include <stddef.h>

int drmGetNodeTypeFromFd(int fd) { return fd < 0 ? -1 : 2; } // DRM_NODE_RENDER
void *drmGetVersion(int fd) { return (void)fd, NULL; }
void drmFreeVersion(void *v) { (void)v; }
int drmGetMagic(int fd, void *m) { return (void)fd, (void)m, -1; }
int drmAuthMagic(int fd, unsigned m) { return (void)fd, (void)m, -1; }
int drmGetDevice(int fd, void *d) { return (void)fd, (void)d, -1; }
void drmFreeDevice(void *d) { (void)d; }
char *drmGetRenderDeviceNameFromFd(int fd) { return (void)fd, NULL; }
