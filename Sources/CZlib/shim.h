#pragma once
#include <zlib.h>

// zlib's initialisers are macros, which Swift cannot import. 15 + 16 asks for the gzip wrapper (RFC 1952).
static inline int sluice_deflate_init_gzip(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
static inline int sluice_inflate_init_gzip(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}
