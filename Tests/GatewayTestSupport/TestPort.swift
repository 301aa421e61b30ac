import SluiceTesting

package enum TestPort {
    /// A port of loopback that nobody listened on a moment ago.
    package static func free() throws -> UInt16 {
        let server = try TestHTTPServer { _ in .status(503) }
        defer { server.stop() }
        return server.port
    }
}
