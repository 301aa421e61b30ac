import Sluice

extension RunningSinks {
    /// As jobs that send messages again know them.
    var forJobs: [RedriveDesk.Sink] {
        all.map { running in
            RedriveDesk.Sink(
                name: running.sink.name, routes: running.sink.groups, only: running.sink.only,
                rate: running.destination.configuration.throttle?.rate)
        }
    }
}
