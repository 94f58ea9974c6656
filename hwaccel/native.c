#include "native.h"

#include <errno.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>

// Larger or smaller pictures are no camera's.
#define MIN_SIDE 16
#define MAX_SIDE 16384

static int full_range(const AVFrame *f)
{
	switch (f->format) {
	case AV_PIX_FMT_YUVJ420P:
	case AV_PIX_FMT_YUVJ422P:
	case AV_PIX_FMT_YUVJ444P:
	case AV_PIX_FMT_YUVJ440P:
	case AV_PIX_FMT_YUVJ411P:
		return 1;
	}
	return f->color_range == AVCOL_RANGE_JPEG;
}

// The matrix of the source. Cameras that do not say mean BT.709 for high definition and BT.601 below.
static int matrix(const AVFrame *f)
{
	switch (f->colorspace) {
	case AVCOL_SPC_BT709:
		return SWS_CS_ITU709;
	case AVCOL_SPC_FCC:
		return SWS_CS_FCC;
	case AVCOL_SPC_BT470BG:
	case AVCOL_SPC_SMPTE170M:
		return SWS_CS_ITU601;
	case AVCOL_SPC_SMPTE240M:
		return SWS_CS_SMPTE240M;
	case AVCOL_SPC_BT2020_NCL:
	case AVCOL_SPC_BT2020_CL:
		return SWS_CS_BT2020;
	default:
		return f->height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
	}
}

static int prepare(hearth_scaler *s, const AVFrame *f, int dw, int dh, int dformat)
{
	if (f->width < MIN_SIDE || f->height < MIN_SIDE || f->width > MAX_SIDE || f->height > MAX_SIDE)
		return AVERROR(EINVAL);
	int gray = dformat == AV_PIX_FMT_GRAY8;
	int range = full_range(f), space = gray ? SWS_CS_ITU601 : matrix(f);
	if (s->sws && s->w == f->width && s->h == f->height && s->format == f->format && s->range == range &&
	    s->space == space && s->dw == dw && s->dh == dh && s->dformat == dformat)
		return 0;
	hearth_scaler_free(s);
	s->sws = sws_getContext(f->width, f->height, f->format, dw, dh, dformat, SWS_AREA, NULL, NULL, NULL);
	if (!s->sws)
		return AVERROR(EINVAL);
	// Where a format has no range or matrix of its own (RGB) this says so and changes nothing.
	(void)sws_setColorspaceDetails(s->sws, sws_getCoefficients(space), range, sws_getCoefficients(SWS_CS_ITU601), 1,
				       0, 1 << 16, 1 << 16);
	s->w = f->width;
	s->h = f->height;
	s->format = f->format;
	s->range = range;
	s->space = space;
	s->dw = dw;
	s->dh = dh;
	s->dformat = dformat;
	return 0;
}

int hearth_scale(hearth_scaler *s, const AVFrame *f, AVFrame *dst)
{
	int err = prepare(s, f, dst->width, dst->height, dst->format);
	if (err < 0)
		return err;
	return sws_scale(s->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, dst->data, dst->linesize);
}

int hearth_luma(hearth_scaler *s, const AVFrame *f, uint8_t *dst, int w, int h)
{
	if (hearth_box(f, full_range(f), dst, w, h))
		return h;
	int err = prepare(s, f, w, h, AV_PIX_FMT_GRAY8);
	if (err < 0)
		return err;
	uint8_t *planes[4] = {dst};
	int strides[4] = {w};
	return sws_scale(s->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides);
}

void hearth_scaler_free(hearth_scaler *s)
{
	sws_freeContext(s->sws);
	s->sws = NULL;
}

void hearth_flush(AVCodecContext *c) { avcodec_flush_buffers(c); }

void hearth_skip(AVCodecContext *c, int loop_filter, int non_reference)
{
	c->skip_loop_filter = loop_filter ? AVDISCARD_ALL : AVDISCARD_DEFAULT;
	c->skip_frame = non_reference ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
}

int hearth_damaged(const AVFrame *f)
{
	return f->decode_error_flags != 0 || (f->flags & AV_FRAME_FLAG_CORRUPT) != 0;
}

void hearth_quality(AVFrame *f, int qscale)
{
	f->quality = qscale * FF_QP2LAMBDA;
	f->pict_type = AV_PICTURE_TYPE_I;
}

const char *hearth_ffmpeg_version(void) { return av_version_info(); }
