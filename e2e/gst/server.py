#!/usr/bin/python3
"""GStreamer's RTSP server as a camera that nobody here wrote.

    server.py PORT NAME=CODEC:FILE…     CODEC is h264, h265, mjpeg or vp8, with +aac for the sound track

Each file is served at rtsp://127.0.0.1:PORT/NAME with Digest authentication for the user in GST_USER and the
password in GST_PASSWORD. Prints "ready" on its output once it listens.
"""
import os
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

LAUNCH = {
    "h264": "( filesrc location={file} ! qtdemux name=d d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 pt=96 {sound})",
    "vp8": "( filesrc location={file} ! matroskademux name=d ! queue ! rtpvp8pay name=pay0 pt=96 {sound})",
    "mjpeg": "( filesrc location={file} ! qtdemux name=d d.video_0 ! queue ! jpegparse ! rtpjpegpay name=pay0 pt=26 {sound})",
    "h265": "( filesrc location={file} ! qtdemux name=d d.video_0 ! queue ! h265parse ! rtph265pay name=pay0 pt=96 {sound})",
}
SOUND = "d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97 "


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 64
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])

    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth.add_digest(os.environ["GST_USER"], os.environ["GST_PASSWORD"], token)
    server.set_auth(auth)

    for spec in sys.argv[2:]:
        name, rest = spec.split("=", 1)
        codec, file = rest.split(":", 1)
        sound = codec.endswith("+aac")
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(LAUNCH[codec.removesuffix("+aac")].format(file=file, sound=SOUND if sound else ""))
        factory.set_shared(True)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
        permissions.add_permission_for_role("viewer", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
        factory.set_permissions(permissions)
        server.get_mount_points().add_factory("/" + name, factory)

    if server.attach(None) == 0:
        print("cannot listen on port " + sys.argv[1], file=sys.stderr)
        return 1
    print("ready", flush=True)
    GLib.MainLoop().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
