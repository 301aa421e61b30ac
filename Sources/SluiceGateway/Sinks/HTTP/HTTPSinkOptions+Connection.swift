/// What `sluice check --connect` tries.
extension HTTPSinkOptions {
    /// Connects, where events have no hand in the host.
    public func tryConnection(_ parts: SinkParts) async throws -> String? {
        guard let address = address?.reveal(), !HTTPSinkAddress.hasTemplateInHost(address) else { return nil }
        // What stands behind the host counts for nothing here.
        let end = address.firstRange(of: "://").flatMap { scheme in
            address[scheme.upperBound...].firstIndex { $0 == "/" || $0 == "?" || $0 == "{" }
        }
        return try await parts.connect(to: end.map { String(address[..<$0]) + "/" } ?? address)
    }
}
