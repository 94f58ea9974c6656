// A driver for libva (VA-API) whose hardware is a list of pictures: it knows each H.264 picture again by its first
// slice and shows what the list has for it. FFmpeg, libva and all in front of them are the real ones. When the n-th
// picture begins, it comes to harm in the way that it was told.
//
// In the folder of LIBVA_DRIVERS_PATH:
//   pictures  u32 width, u32 height, then for each picture u64 hash of its first slice, and its NV12 pixels
//   fault     "KIND N": fail, hang, gray, crash or none, from the N-th picture of the process on

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <va/va.h>
#include <va/va_backend.h>

#define CONFIG 1
#define CONTEXT 2
#define FIRST_SURFACE 0x100
#define MAX_SURFACES 128
#define FIRST_BUFFER 0x1000
#define MAX_BUFFERS 4096

typedef struct { int w, h; uint8_t *data; } surface_t;
typedef struct { int used, type, borrowed; size_t size; uint8_t *data; } buffer_t;

static surface_t surfaces[MAX_SURFACES];
static buffer_t buffers[MAX_BUFFERS];
static const uint8_t *pictures;
static size_t pictures_size;
static uint32_t width, height;
static char fault[16];
static int fault_at, begun;
static VASurfaceID target;
static uint64_t slice;

static int at(const char *kind) { return begun >= fault_at && !strcmp(fault, kind); }

static surface_t *surface(VASurfaceID id)
{
	return id >= FIRST_SURFACE && id < FIRST_SURFACE + MAX_SURFACES && surfaces[id - FIRST_SURFACE].data ? &surfaces[id - FIRST_SURFACE] : NULL;
}

static buffer_t *buffer(VABufferID id)
{
	return id >= FIRST_BUFFER && id < FIRST_BUFFER + MAX_BUFFERS && buffers[id - FIRST_BUFFER].used ? &buffers[id - FIRST_BUFFER] : NULL;
}

static uint64_t hash(const uint8_t *p, size_t n)
{
	uint64_t h = 14695981039346656037u;
	while (n > 0 && p[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static VAStatus nope(void) { return VA_STATUS_ERROR_UNIMPLEMENTED; }
static VAStatus fine(void) { return VA_STATUS_SUCCESS; }

static VAStatus profiles(VADriverContextP c, VAProfile *list, int *n)
{
	(void)c;
	list[0] = VAProfileH264ConstrainedBaseline, list[1] = VAProfileH264Main, list[2] = VAProfileH264High;
	*n = 3;
	return VA_STATUS_SUCCESS;
}

static VAStatus entrypoints(VADriverContextP c, VAProfile p, VAEntrypoint *list, int *n)
{
	(void)c, (void)p;
	list[0] = VAEntrypointVLD;
	*n = 1;
	return VA_STATUS_SUCCESS;
}

static VAStatus attributes(VADriverContextP c, VAProfile p, VAEntrypoint e, VAConfigAttrib *list, int n)
{
	(void)c, (void)p, (void)e;
	for (int i = 0; i < n; i++)
		list[i].value = list[i].type == VAConfigAttribRTFormat ? VA_RT_FORMAT_YUV420 : VA_ATTRIB_NOT_SUPPORTED;
	return VA_STATUS_SUCCESS;
}

static VAStatus create_config(VADriverContextP c, VAProfile p, VAEntrypoint e, VAConfigAttrib *list, int n, VAConfigID *id)
{
	(void)c, (void)p, (void)e, (void)list, (void)n;
	*id = CONFIG;
	return VA_STATUS_SUCCESS;
}

static VAStatus surface_attributes(VADriverContextP c, VAConfigID config, VASurfaceAttrib *list, unsigned *n)
{
	(void)c, (void)config;
	static const int what[5][2] = {{VASurfaceAttribPixelFormat, VA_FOURCC_NV12}, {VASurfaceAttribMinWidth, 16},
				       {VASurfaceAttribMinHeight, 16}, {VASurfaceAttribMaxWidth, 4096}, {VASurfaceAttribMaxHeight, 4096}};
	if (list)
		for (int i = 0; i < 5; i++) {
			list[i].type = what[i][0];
			list[i].flags = VA_SURFACE_ATTRIB_GETTABLE | (i ? 0 : VA_SURFACE_ATTRIB_SETTABLE);
			list[i].value.type = VAGenericValueTypeInteger;
			list[i].value.value.i = what[i][1];
		}
	*n = 5;
	return VA_STATUS_SUCCESS;
}

static VAStatus create_surfaces2(VADriverContextP c, unsigned format, unsigned w, unsigned h, VASurfaceID *ids, unsigned n,
				 VASurfaceAttrib *list, unsigned attribs)
{
	(void)c, (void)format, (void)list, (void)attribs;
	for (unsigned i = 0; i < n; i++) {
		int k = 0;
		while (k < MAX_SURFACES && surfaces[k].data)
			k++;
		if (k == MAX_SURFACES)
			return VA_STATUS_ERROR_ALLOCATION_FAILED;
		surfaces[k] = (surface_t){w, h, calloc(w * h * 3 / 2, 1)};
		ids[i] = FIRST_SURFACE + k;
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus create_surfaces(VADriverContextP c, int w, int h, int format, int n, VASurfaceID *ids)
{
	return create_surfaces2(c, format, w, h, ids, n, NULL, 0);
}

static VAStatus destroy_surfaces(VADriverContextP c, VASurfaceID *ids, int n)
{
	(void)c;
	for (int i = 0; i < n; i++) {
		surface_t *s = surface(ids[i]);
		if (s) {
			free(s->data);
			s->data = NULL;
		}
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus create_context(VADriverContextP c, VAConfigID config, int w, int h, int flag, VASurfaceID *ids, int n, VAContextID *id)
{
	(void)c, (void)config, (void)w, (void)h, (void)flag, (void)ids, (void)n;
	*id = CONTEXT;
	return VA_STATUS_SUCCESS;
}

static VABufferID new_buffer(int type, size_t size, uint8_t *data, int borrowed)
{
	for (int k = 0; k < MAX_BUFFERS; k++)
		if (!buffers[k].used) {
			buffers[k] = (buffer_t){1, type, borrowed, size, data};
			return FIRST_BUFFER + k;
		}
	abort();
}

static VAStatus create_buffer(VADriverContextP c, VAContextID context, VABufferType type, unsigned size, unsigned n, void *data, VABufferID *id)
{
	(void)c, (void)context;
	uint8_t *copy = calloc(n, size);
	if (data)
		memcpy(copy, data, (size_t)size * n);
	*id = new_buffer(type, (size_t)size * n, copy, 0);
	return VA_STATUS_SUCCESS;
}

static VAStatus destroy_buffer(VADriverContextP c, VABufferID id)
{
	(void)c;
	buffer_t *b = buffer(id);
	if (!b)
		return VA_STATUS_ERROR_INVALID_BUFFER;
	if (!b->borrowed)
		free(b->data);
	b->used = 0;
	return VA_STATUS_SUCCESS;
}

static VAStatus map_buffer(VADriverContextP c, VABufferID id, void **to)
{
	(void)c;
	buffer_t *b = buffer(id);
	if (!b)
		return VA_STATUS_ERROR_INVALID_BUFFER;
	*to = b->data;
	return VA_STATUS_SUCCESS;
}

static VAStatus begin_picture(VADriverContextP c, VAContextID context, VASurfaceID id)
{
	(void)c, (void)context;
	begun++;
	target = id;
	slice = 0;
	if (at("crash"))
		*(volatile int *)8 = 1;
	return VA_STATUS_SUCCESS;
}

static VAStatus render_picture(VADriverContextP c, VAContextID context, VABufferID *ids, int n)
{
	(void)c, (void)context;
	for (int i = 0; i < n; i++) {
		buffer_t *b = buffer(ids[i]);
		if (b && b->type == VASliceDataBufferType && !slice)
			slice = hash(b->data, b->size);
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus end_picture(VADriverContextP c, VAContextID context)
{
	(void)c, (void)context;
	surface_t *s = surface(target);
	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	if (at("fail"))
		return VA_STATUS_ERROR_DECODING_ERROR;
	memset(s->data, 128, (size_t)s->w * s->h * 3 / 2);
	if (at("gray"))
		return VA_STATUS_SUCCESS;
	size_t pixels = (size_t)width * height * 3 / 2;
	for (const uint8_t *p = pictures + 8; p + 8 + pixels <= pictures + pictures_size; p += 8 + pixels) {
		uint64_t h;
		memcpy(&h, p, 8);
		if (h != slice)
			continue;
		for (uint32_t y = 0; y < height && y < (uint32_t)s->h; y++)
			memcpy(s->data + (size_t)y * s->w, p + 8 + (size_t)y * width, width);
		for (uint32_t y = 0; y < height / 2 && y < (uint32_t)s->h / 2; y++)
			memcpy(s->data + (size_t)s->w * (s->h + y), p + 8 + (size_t)width * (height + y), width);
		break;
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus sync_surface(VADriverContextP c, VASurfaceID id)
{
	(void)c, (void)id;
	while (at("hang"))
		sleep(1);
	return VA_STATUS_SUCCESS;
}

static VAStatus surface_status(VADriverContextP c, VASurfaceID id, VASurfaceStatus *s)
{
	(void)c, (void)id;
	*s = VASurfaceReady;
	return VA_STATUS_SUCCESS;
}

static VAStatus image_formats(VADriverContextP c, VAImageFormat *list, int *n)
{
	(void)c;
	list[0] = (VAImageFormat){.fourcc = VA_FOURCC_NV12, .byte_order = VA_LSB_FIRST, .bits_per_pixel = 12};
	*n = 1;
	return VA_STATUS_SUCCESS;
}

static VAStatus derive_image(VADriverContextP c, VASurfaceID id, VAImage *i)
{
	(void)c;
	surface_t *s = surface(id);
	if (!s)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	size_t size = (size_t)s->w * s->h * 3 / 2;
	memset(i, 0, sizeof *i);
	i->format = (VAImageFormat){.fourcc = VA_FOURCC_NV12, .byte_order = VA_LSB_FIRST, .bits_per_pixel = 12};
	i->buf = i->image_id = new_buffer(VAImageBufferType, size, s->data, 1);
	i->width = s->w, i->height = s->h, i->data_size = size, i->num_planes = 2;
	i->pitches[0] = i->pitches[1] = s->w;
	i->offsets[1] = s->w * s->h;
	return VA_STATUS_SUCCESS;
}

static VAStatus create_image(VADriverContextP c, VAImageFormat *f, int w, int h, VAImage *i)
{
	(void)c;
	size_t size = (size_t)w * h * 3 / 2;
	memset(i, 0, sizeof *i);
	i->format = *f;
	i->buf = i->image_id = new_buffer(VAImageBufferType, size, calloc(size, 1), 0);
	i->width = w, i->height = h, i->data_size = size, i->num_planes = 2;
	i->pitches[0] = i->pitches[1] = w;
	i->offsets[1] = w * h;
	return VA_STATUS_SUCCESS;
}

static VAStatus get_image(VADriverContextP c, VASurfaceID id, int x, int y, unsigned w, unsigned h, VAImageID image)
{
	(void)c;
	surface_t *s = surface(id);
	buffer_t *b = buffer(image);
	if (!s || !b || x || y || (int)w != s->w || (int)h != s->h || b->size != (size_t)w * h * 3 / 2)
		return VA_STATUS_ERROR_INVALID_PARAMETER;
	memcpy(b->data, s->data, b->size);
	return VA_STATUS_SUCCESS;
}

static VAStatus none(VADriverContextP c, void *list, int *n)
{
	(void)c, (void)list;
	*n = 0;
	return VA_STATUS_SUCCESS;
}

static int load(void)
{
	const char *dir = getenv("LIBVA_DRIVERS_PATH");
	char path[4096];
	snprintf(path, sizeof path, "%s/fault", dir ? dir : ".");
	FILE *f = fopen(path, "r");
	if (!f)
		return -1;
	int n = fscanf(f, "%15s %d", fault, &fault_at);
	fclose(f);
	snprintf(path, sizeof path, "%s/pictures", dir ? dir : ".");
	int fd = open(path, O_RDONLY);
	struct stat st;
	if (n != 2 || fd < 0 || fstat(fd, &st) || st.st_size < 8)
		return -1;
	pictures_size = st.st_size;
	pictures = mmap(NULL, pictures_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (pictures == MAP_FAILED)
		return -1;
	memcpy(&width, pictures, 4);
	memcpy(&height, pictures + 4, 4);
	return 0;
}

VAStatus __vaDriverInit_1_0(VADriverContextP c)
{
	if (load())
		return VA_STATUS_ERROR_OPERATION_FAILED;
	c->version_major = 1;
	c->max_profiles = 3;
	c->max_entrypoints = c->max_attributes = c->max_image_formats = c->max_subpic_formats = c->max_display_attributes = 1;
	c->str_vendor = "pictures from a list";
	struct VADriverVTable *v = c->vtable;
	// Those that nothing here calls; libva wants them all.
	void **all = (void **)v;
	for (size_t i = 0; i < offsetof(struct VADriverVTable, vaBufferInfo) / sizeof *all; i++)
		all[i] = (void *)nope;
	v->vaTerminate = (void *)fine;
	v->vaQueryConfigProfiles = profiles;
	v->vaQueryConfigEntrypoints = entrypoints;
	v->vaGetConfigAttributes = attributes;
	v->vaCreateConfig = create_config;
	v->vaDestroyConfig = (void *)fine;
	v->vaCreateSurfaces = create_surfaces;
	v->vaCreateSurfaces2 = create_surfaces2;
	v->vaDestroySurfaces = destroy_surfaces;
	v->vaQuerySurfaceAttributes = surface_attributes;
	v->vaCreateContext = create_context;
	v->vaDestroyContext = (void *)fine;
	v->vaCreateBuffer = create_buffer;
	v->vaDestroyBuffer = destroy_buffer;
	v->vaMapBuffer = map_buffer;
	v->vaUnmapBuffer = (void *)fine;
	v->vaBeginPicture = begin_picture;
	v->vaRenderPicture = render_picture;
	v->vaEndPicture = end_picture;
	v->vaSyncSurface = sync_surface;
	v->vaQuerySurfaceStatus = surface_status;
	v->vaQueryImageFormats = image_formats;
	v->vaCreateImage = create_image;
	v->vaGetImage = get_image;
	v->vaDeriveImage = derive_image;
	v->vaDestroyImage = destroy_buffer;
	v->vaQuerySubpictureFormats = (void *)none;
	v->vaQueryDisplayAttributes = (void *)none;
	return VA_STATUS_SUCCESS;
}
