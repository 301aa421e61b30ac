#pragma once
// Nothing to call: threads.c stands in the place of functions of the C library.
