extension PrometheusRegistry {
    /// Adds the standard `process_*` metrics of Prometheus' client libraries, read from Linux' `/proc` at each scrape.
    ///
    /// Does nothing where there is no `/proc`.
    public func collectProcess() {
        guard ProcessSample.read() != nil else { return }
        describe(MetricDescription.process)
        let cpu = counter("process_cpu_seconds_total")
        let openFiles = gauge("process_open_fds")
        let maxFiles = gauge("process_max_fds")
        let virtualMemory = gauge("process_virtual_memory_bytes")
        let residentMemory = gauge("process_resident_memory_bytes")
        let startTime = gauge("process_start_time_seconds")
        let threads = gauge("process_threads")
        beforeScrape {
            guard let sample = ProcessSample.read() else { return }
            cpu.advance(to: sample.cpuSeconds)
            virtualMemory.set(sample.virtualBytes)
            residentMemory.set(sample.residentBytes)
            startTime.set(sample.startSeconds)
            threads.set(sample.threads)
            if let count = sample.openFiles { openFiles.set(count) }
            if let limit = sample.maxFiles { maxFiles.set(limit) }
        }
    }
}

extension MetricDescription {
    /// The standard `process_*` metrics.
    public static let process: [MetricDescription] = [
        MetricDescription(
            "process_cpu_seconds_total", kind: .counter,
            help: "Total user and system CPU time spent in seconds.", unit: "seconds", labels: []),
        MetricDescription(
            "process_open_fds", kind: .gauge, help: "Number of open file descriptors.", labels: []),
        MetricDescription(
            "process_max_fds", kind: .gauge, help: "Maximum number of open file descriptors.", labels: []),
        MetricDescription(
            "process_virtual_memory_bytes", kind: .gauge, help: "Virtual memory size in bytes.", unit: "bytes",
            labels: []),
        MetricDescription(
            "process_resident_memory_bytes", kind: .gauge, help: "Resident memory size in bytes.", unit: "bytes",
            labels: []),
        MetricDescription(
            "process_start_time_seconds", kind: .gauge,
            help: "Start time of the process since unix epoch in seconds.", unit: "seconds", labels: []),
        MetricDescription(
            "process_threads", kind: .gauge, help: "Number of OS threads in the process.", labels: []),
    ]
}
