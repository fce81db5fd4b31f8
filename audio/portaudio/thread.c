// The card's thread. It runs no Go: a thread that has to enter Go may have to wait for a processor, for a collection or for
// a lock, and then there is a hole in what is heard. It copies between the card's buffer and a ring, and counts; it
// allocates nothing, locks nothing, logs nothing and waits for nothing.

#include "thread.h"

#include <stdlib.h>
#include <string.h>

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void beat(ovr_line *l, unsigned long frames) {
	__atomic_fetch_add(l->beats, 1, __ATOMIC_SEQ_CST);
	if (frames > __atomic_load_n(l->period, __ATOMIC_RELAXED)) {
		__atomic_store_n(l->period, frames, __ATOMIC_RELAXED); // nobody else writes it
	}
}

static int captured(const void *heard, void *unused, unsigned long frames, const PaStreamCallbackTimeInfo *when, PaStreamCallbackFlags flags, void *user) {
	ovr_line *l = user;
	const int16_t *from = heard;
	(void)unused;
	(void)when;
	beat(l, frames);
	uint64_t tail = __atomic_load_n(l->tail, __ATOMIC_RELAXED); // this thread's
	uint64_t room = l->mask + 1 - (tail - __atomic_load_n(l->head, __ATOMIC_ACQUIRE));
	uint64_t all = frames * l->channels;
	uint64_t n = from == NULL ? 0 : least(all, room / l->channels * l->channels); // half a frame would swap the channels
	uint64_t at = tail & l->mask;
	uint64_t first = least(n, l->mask + 1 - at);
	if (n > 0) {
		memcpy(l->buf + at, from, first * sizeof *from);
		memcpy(l->buf, from + first, (n - first) * sizeof *from);
	}
	__atomic_store_n(l->tail, tail + n, __ATOMIC_RELEASE);
	if (n < all || flags & paInputOverflow) {
		__atomic_fetch_add(l->missed, 1, __ATOMIC_SEQ_CST);
	}
	return paContinue;
}

static int played(const void *unused, void *next, unsigned long frames, const PaStreamCallbackTimeInfo *when, PaStreamCallbackFlags flags, void *user) {
	ovr_line *l = user;
	int16_t *to = next;
	(void)unused;
	(void)when;
	beat(l, frames);
	uint64_t head = __atomic_load_n(l->head, __ATOMIC_RELAXED); // this thread's
	uint64_t all = frames * l->channels;
	uint64_t n = least(all, __atomic_load_n(l->tail, __ATOMIC_ACQUIRE) - head);
	uint64_t at = head & l->mask;
	uint64_t first = least(n, l->mask + 1 - at);
	memcpy(to, l->buf + at, first * sizeof *to);
	memcpy(to + first, l->buf, (n - first) * sizeof *to);
	memset(to + n, 0, (all - n) * sizeof *to);
	__atomic_store_n(l->head, head + n, __ATOMIC_RELEASE);
	if (__atomic_load_n(l->fed, __ATOMIC_RELAXED) && (n < all || flags & paOutputUnderflow)) {
		__atomic_fetch_add(l->missed, 1, __ATOMIC_SEQ_CST);
	}
	return paContinue;
}

// What follows is called by the program.

ovr_line *ovr_new(void) { return calloc(1, sizeof(ovr_line)); }

void ovr_free(ovr_line *l) { free(l); }

PaError ovr_open(ovr_line *l, PaDeviceIndex device, double rate, double latency) {
	PaStreamParameters side = {.device = device, .channelCount = (int)l->channels, .sampleFormat = paInt16, .suggestedLatency = latency};
	return Pa_OpenStream(&l->stream, l->output ? NULL : &side, l->output ? &side : NULL, rate, paFramesPerBufferUnspecified, paNoFlag,
		l->output ? played : captured, l);
}

PaError ovr_start(ovr_line *l) { return Pa_StartStream(l->stream); }

double ovr_latency(ovr_line *l) {
	const PaStreamInfo *info = Pa_GetStreamInfo(l->stream);
	if (info == NULL) {
		return 0;
	}
	return l->output ? info->outputLatency : info->inputLatency;
}

// It does not wait until the card has played everything, which some drivers never finish.
PaError ovr_close(ovr_line *l) {
	Pa_AbortStream(l->stream); // one that has failed or was never started is no matter
	return Pa_CloseStream(l->stream);
}

void ovr_call(ovr_line *l, int16_t *samples, unsigned long frames, int trouble) {
	if (l->output) {
		played(NULL, samples, frames, NULL, trouble ? paOutputUnderflow : 0, l);
		return;
	}
	captured(samples, NULL, frames, NULL, trouble ? paInputOverflow : 0, l);
}
