import Sluice

/// What this build is.
public enum SluiceVersion {
    public static let text = "0.1.0"

    /// The compiler that built it, for `sluice_build_info`.
    static var swift: String {
        #if compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    static func show(_ instruments: Instruments) {
        instruments.gauge(.buildInfo, [("version", text), ("swift", swift)]).set(1)
    }
}

extension Metric {
    static let buildInfo = gauge(
        "sluice_build_info",
        labels: [Label("version", "Sluice's version"), Label("swift", "the compiler's version")],
        help: "Always 1; says what runs.")
}
