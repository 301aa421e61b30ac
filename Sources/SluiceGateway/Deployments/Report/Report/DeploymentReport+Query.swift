import Sluice

extension DeploymentReport.Query {
    func wants(_ name: (service: String, environment: String)) -> Bool {
        (service ?? name.service) == name.service && (environment ?? name.environment) == name.environment
    }

    /// A clock that was never set, or a mistyped year, is no time of anything.
    func believes(_ time: Int64) -> Bool {
        EventTime.isPlausible(Timestamp(millisecondsSince1970: time), at: now)
    }
}

extension Figures {
    /// Whether anything happened.
    var isWorthShowing: Bool { deployments > 0 || failedRollouts > 0 || implausible > 0 }
}
