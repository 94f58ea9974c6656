// Package h264 is a small H.264 encoder in pure Go for simulated cameras and for tests that need pictures which they
// know. It writes Constrained Baseline video (or Main, when asked for B-pictures): one slice per picture, CAVLC,
// Intra 16x16 and 16x16 motion by whole pixels, no loop filter. Its reconstruction is exactly what a decoder shows.
//
// It is made for still scenes with sensor noise: what differs from the last picture by less than the quantiser
// would keep is skipped early, so a calm picture costs little more than comparing it.
//
// Its Decoder reads what the encoder wrote and nothing else, so that a test can look into a million pictures.
//
// Numbers of clauses and tables in comments are those of ITU-T Rec. H.264.
package h264
