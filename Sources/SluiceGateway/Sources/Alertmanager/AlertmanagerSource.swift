import Sluice

/// Turns Alertmanager's webhooks into incidents: an alert that fires opens one, and its end closes it.
///
/// Incidents are facts, for figures of deployments and for sinks that ask for them. There is no event of them.
public struct AlertmanagerSource: SourceOptions, Hashable {
    /// What Alertmanager authenticates with (`http_config.authorization`); nil takes in requests of this machine alone, see
    /// ``GatewayConfiguration/allowsUnsigned``.
    public var token: Secret?
    /// The label that names the service. An alert without it is no service's, and is left out. Default `service`.
    public var serviceLabel: String

    /// The label by default.
    public static let usualLabel = "service"
    /// How many alerts of one request are taken; Alertmanager's `max_alerts` bounds what it sends.
    static let maximumAlerts = 4_096

    public init(token: Secret? = nil, serviceLabel: String = Self.usualLabel) {
        self.token = token
        self.serviceLabel = serviceLabel
    }

    /// Why an alert is no incident.
    enum Gap: String, CaseIterable {
        /// It lacks the label that names the service.
        case noService = "no_service"
        /// It lacks what tells it from others, or says neither that it fires nor that it is over.
        case unreadable
        case tooMany = "too_many"
    }

    /// The incidents of a webhook of version 4.
    /// - Parameters:
    ///   - receipt: when it came: a time that is not believed falls back to it.
    ///   - leftOut: called for each alert that is none.
    /// - Throws: ``SourceError`` when the body is no such webhook.
    func incidents(
        of message: Message, receivedAt receipt: Timestamp, leftOut: (Gap) -> Void
    ) throws(SourceError) -> [IncidentFact] {
        var alerts: [Alert]?
        var status: String?
        var count = 0
        do {
            try JSONReader.fields(of: message.payload) { (reader) throws(JSONError) in
                try reader.fieldOrSkip("status", &status)
                if reader.isAt("alerts"), reader.kind == .array {
                    alerts = []
                    count = 0
                    try reader.array { (reader) throws(JSONError) in
                        count += 1
                        guard count <= Self.maximumAlerts else { return }
                        alerts?.append(try Alert(&reader, serviceLabel: serviceLabel))
                    }
                }
            }
        } catch {
            throw SourceError("the body is not the JSON of Alertmanager's webhook: \(error)")
        }
        guard let alerts else { throw SourceError("the webhook has no alerts") }
        for _ in alerts.count..<max(count, alerts.count) { leftOut(.tooMany) }
        return alerts.compactMap { alert in
            switch alert.incident(status, receipt) {
            case .success(let incident): return incident
            case .failure(let reason):
                leftOut(reason.gap)
                return nil
            }
        }
    }

    private struct Refusal: Error {
        let gap: Gap
    }

    /// An element of `alerts`, as far as it is read.
    private struct Alert {
        var status: String?
        var service: String?
        var startsAt: Timestamp?
        var endsAt: Timestamp?
        var fingerprint: String?

        init(_ reader: inout JSONReader, serviceLabel: String) throws(JSONError) {
            guard reader.kind == .object else { return }
            try reader.fields { (reader) throws(JSONError) in
                try reader.fieldOrSkip("status", &status)
                if reader.isAt("startsAt") { startsAt = try EventTime.read(&reader) }
                if reader.isAt("endsAt") { endsAt = try EventTime.read(&reader) }
                try reader.fieldOrSkip("fingerprint", &fingerprint)
                if reader.isAt("labels"), reader.kind == .object {
                    try reader.object { (key, reader) throws(JSONError) in
                        if key.isNamed(serviceLabel) { service = try reader.stringOrSkip() }
                    }
                }
            }
        }

        /// - Parameter common: the status of the whole, for an alert that has none of its own.
        func incident(_ common: String?, _ receipt: Timestamp) -> Result<IncidentFact, Refusal> {
            guard let fingerprint = fingerprint.flatMap(EventField.identifier), fingerprint.utf8.count <= 128,
                let status = status ?? common, status == "firing" || status == "resolved"
            else { return .failure(Refusal(gap: .unreadable)) }
            guard let service = service.flatMap(EventField.name) else { return .failure(Refusal(gap: .noService)) }
            func believed(_ time: Timestamp?) -> Timestamp? {
                time.flatMap { EventTime.isPlausible($0, at: receipt) ? $0 : nil }
            }
            // The same alert may fire again later: then it begins anew.
            let id = "\(fingerprint)-\(startsAt?.millisecondsSince1970 ?? 0)"
            let opened = believed(startsAt)
            guard status == "resolved" else {
                return .success(IncidentFact(id: id, service: service, openedAt: opened ?? receipt, resolvedAt: nil))
            }
            let resolved = believed(endsAt) ?? receipt
            return .success(
                IncidentFact(id: id, service: service, openedAt: opened, resolvedAt: max(resolved, opened ?? resolved)))
        }
    }
}
