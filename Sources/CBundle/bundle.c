// The files that `sluice dashboards` and `sluice rules` write, taken in when this is compiled. A test compares the list and
// every byte with the repository.
#include "CBundle.h"

static const unsigned char dashboards_deployments_json[] = {
#embed "../../dashboards/deployments.json"
};
static const unsigned char dashboards_pipeline_json[] = {
#embed "../../dashboards/pipeline.json"
};
static const unsigned char dashboards_provisioning_dashboards_sluice_yml[] = {
#embed "../../dashboards/provisioning/dashboards/sluice.yml"
};
static const unsigned char dashboards_provisioning_datasources_sluice_yml[] = {
#embed "../../dashboards/provisioning/datasources/sluice.yml"
};
static const unsigned char dashboards_watermill_json[] = {
#embed "../../dashboards/watermill.json"
};
static const unsigned char prometheus_runbook_md[] = {
#embed "../../prometheus/RUNBOOK.md"
};
static const unsigned char prometheus_alerts_yml[] = {
#embed "../../prometheus/alerts.yml"
};
static const unsigned char prometheus_prometheus_yml[] = {
#embed "../../prometheus/prometheus.yml"
};
static const unsigned char prometheus_recording_yml[] = {
#embed "../../prometheus/recording.yml"
};

#define FILE_OF(path, name) {path, name, sizeof name}

static const struct sluice_bundled_file files[] = {
    FILE_OF("dashboards/deployments.json", dashboards_deployments_json),
    FILE_OF("dashboards/pipeline.json", dashboards_pipeline_json),
    FILE_OF("dashboards/provisioning/dashboards/sluice.yml", dashboards_provisioning_dashboards_sluice_yml),
    FILE_OF("dashboards/provisioning/datasources/sluice.yml", dashboards_provisioning_datasources_sluice_yml),
    FILE_OF("dashboards/watermill.json", dashboards_watermill_json),
    FILE_OF("prometheus/RUNBOOK.md", prometheus_runbook_md),
    FILE_OF("prometheus/alerts.yml", prometheus_alerts_yml),
    FILE_OF("prometheus/prometheus.yml", prometheus_prometheus_yml),
    FILE_OF("prometheus/recording.yml", prometheus_recording_yml),
};

const struct sluice_bundled_file *sluice_bundled_files(void) { return files; }

size_t sluice_bundled_file_count(void) { return sizeof files / sizeof files[0]; }
