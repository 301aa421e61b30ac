/// Whether the parts are connected: what every adapter shows of itself, by its component.
extension Metric {
    public static let connectionUp = gauge(
        "sluice_connection_up",
        labels: [.component],
        help: "1 while the part is connected and works, else 0.")
    public static let reconnects = counter(
        "sluice_reconnects_total",
        labels: [.component],
        help: "Connections made after the first.")
}
