#include "native.h"

#include <libavutil/frame.h>

// The largest picture that is made smaller here is this many times as wide as its result.
#define MAX_TIMES 16
#define MAX_WIDTH 8192

// GCC's second level does not use the processor's vector units for these loops.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

// Whether the first plane is luma of a byte a pixel.
static int plain(const AVFrame *f)
{
	switch (f->format) {
	case AV_PIX_FMT_YUV420P:
	case AV_PIX_FMT_YUVJ420P:
	case AV_PIX_FMT_YUV422P:
	case AV_PIX_FMT_YUVJ422P:
	case AV_PIX_FMT_YUV444P:
	case AV_PIX_FMT_YUVJ444P:
	case AV_PIX_FMT_NV12:
	case AV_PIX_FMT_GRAY8:
		return 1;
	}
	return 0;
}

static void add_row(uint16_t *restrict sum, const uint8_t *restrict row, int n)
{
	for (int x = 0; x < n; x++)
		sum[x] += row[x];
}

static void first_row(uint16_t *restrict sum, const uint8_t *restrict row, int n)
{
	for (int x = 0; x < n; x++)
		sum[x] = row[x];
}

// The mean of so many sums, in the full range of a byte: (all * mul + add) / 2^20, and no less than 0 nor more than 255.
static inline __attribute__((always_inline)) void means(uint8_t *restrict dst, const uint16_t *restrict sum, int w, int times, int mul,
							int add)
{
	for (int x = 0; x < w; x++) {
		int all = 0;
		for (int i = 0; i < times; i++)
			all += sum[x * times + i];
		int v = (all * mul + add) >> 20;
		dst[x] = v < 0 ? 0 : v > 255 ? 255 : v;
	}
}

int hearth_box(const AVFrame *f, int full_range, uint8_t *dst, int w, int h)
{
	int times = f->width / w;
	if (!plain(f) || times < 1 || times > MAX_TIMES || f->width > MAX_WIDTH || f->width != times * w || f->height != times * h ||
	    f->linesize[0] < f->width)
		return 0;
	// Limited range has black at 16 and white at 235. A sum is at most 256 * 255, and times 256 as small a mul.
	double gain = full_range ? 1 : 255.0 / 219, black = full_range ? 0 : 16 * gain;
	int mul = (int)(gain * (1 << 20) / (times * times) + 0.5), add = (int)((0.5 - black) * (1 << 20));
	uint16_t sum[MAX_WIDTH];
	for (int y = 0; y < h; y++) {
		const uint8_t *row = f->data[0] + (ptrdiff_t)y * times * f->linesize[0];
		first_row(sum, row, f->width);
		for (int i = 1; i < times; i++)
			add_row(sum, row + (ptrdiff_t)i * f->linesize[0], f->width);
		uint8_t *to = dst + (ptrdiff_t)y * w;
		switch (times) { // of known length the loop is unrolled
		case 2:
			means(to, sum, w, 2, mul, add);
			break;
		case 4:
			means(to, sum, w, 4, mul, add);
			break;
		case 6:
			means(to, sum, w, 6, mul, add);
			break;
		default:
			means(to, sum, w, times, mul, add);
		}
	}
	return 1;
}
