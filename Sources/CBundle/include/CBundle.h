#pragma once

#include <stddef.h>

/// A file of the repository that the program carries.
struct sluice_bundled_file {
    /// Inside the repository, such as `dashboards/pipeline.json`.
    const char *path;
    const unsigned char *bytes;
    size_t size;
};

/// The files; they live as long as the program.
const struct sluice_bundled_file *sluice_bundled_files(void);

size_t sluice_bundled_file_count(void);

/// The status page's document, its style and its script.
struct sluice_bundled_file sluice_status_page(void);
struct sluice_bundled_file sluice_status_style(void);
struct sluice_bundled_file sluice_status_script(void);
