// What go-astiav does not reach: a few fields of FFmpeg's structs, and scaling straight into our own memory.
#ifndef HEARTH_NATIVE_H
#define HEARTH_NATIVE_H

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>

// A scaler for one kind of source and one size of result; rebuilt when either changes.
typedef struct hearth_scaler {
	struct SwsContext *sws;
	int w, h, format, range, space; // of the source
	int dw, dh, dformat;            // of the result
} hearth_scaler;

// hearth_scale scales a picture; jpeg's matrix and full range are what comes out. Negative: an FFmpeg error.
int hearth_scale(hearth_scaler *s, const AVFrame *f, AVFrame *dst);
// hearth_luma is hearth_scale to one gray plane, w bytes a row.
int hearth_luma(hearth_scaler *s, const AVFrame *f, uint8_t *dst, int w, int h);
// hearth_box does the same where the picture is a whole number of times as large, and luma a byte a pixel: it takes means,
// which costs a quarter at 1080p. 0: it cannot.
int hearth_box(const AVFrame *f, int full_range, uint8_t *dst, int w, int h);
void hearth_scaler_free(hearth_scaler *s);

void hearth_flush(AVCodecContext *c);
void hearth_skip(AVCodecContext *c, int loop_filter, int non_reference);
// hearth_damaged says whether parts of the picture were guessed.
int hearth_damaged(const AVFrame *f);
void hearth_quality(AVFrame *f, int qscale);
const char *hearth_ffmpeg_version(void);

#endif
