package hwaccel

//#cgo pkg-config: libavcodec libswscale libavutil
//#include "native.h"
import "C"

// Version is FFmpeg's.
func Version() string { return C.GoString(C.hearth_ffmpeg_version()) }
