// The status page, taken in when this is compiled.
#include "CBundle.h"

static const unsigned char document[] = {
#embed "page/status.html"
};
static const unsigned char style[] = {
#embed "page/status.css"
};
static const unsigned char script[] = {
#embed "page/status.js"
};

#define FILE_OF(path, name) (struct sluice_bundled_file){path, name, sizeof name}

struct sluice_bundled_file sluice_status_page(void) { return FILE_OF("status.html", document); }

struct sluice_bundled_file sluice_status_style(void) { return FILE_OF("status.css", style); }

struct sluice_bundled_file sluice_status_script(void) { return FILE_OF("status.js", script); }
