/// From when on deployments are listed, and with their commits: the newest of very many.
struct ReportCutoffs {
    private var listed = Int64.min
    private var detailed = Int64.min

    init() {}

    /// - Parameter times: of all deployments of the period.
    init(_ times: [Int64]) {
        let newest = times.sorted(by: >)
        if newest.count > DeploymentReport.deploymentLimit { listed = newest[DeploymentReport.deploymentLimit - 1] }
        if newest.count > DeploymentReport.detailLimit { detailed = newest[DeploymentReport.detailLimit - 1] }
    }

    func isListed(_ time: Int64) -> Bool { time >= listed }
    func isDetailed(_ time: Int64) -> Bool { time >= detailed }
}
