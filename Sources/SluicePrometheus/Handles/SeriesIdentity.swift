/// Where a handle's series stands in the registry, so that the handle can be taken out again.
struct SeriesIdentity: Sendable {
    /// The family's name without `_total`.
    let family: String
    /// The escaped labels, sorted by name: `a="1",b="2"`.
    let labels: [UInt8]

    /// A handle that no registry knows: it takes updates that are never shown.
    static let detached = SeriesIdentity(family: "", labels: [])
}

/// A series' handle, of whichever kind.
enum SeriesHandle: Sendable {
    case counter(PrometheusCounter)
    case gauge(PrometheusGauge)
    case histogram(PrometheusHistogram)

    var identity: SeriesIdentity {
        switch self {
        case .counter(let handle): handle.identity
        case .gauge(let handle): handle.identity
        case .histogram(let handle): handle.identity
        }
    }

    var object: ObjectIdentifier {
        switch self {
        case .counter(let handle): ObjectIdentifier(handle)
        case .gauge(let handle): ObjectIdentifier(handle)
        case .histogram(let handle): ObjectIdentifier(handle)
        }
    }
}
