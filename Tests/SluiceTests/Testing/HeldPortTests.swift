import Glibc
import SluiceTesting
import Testing

struct HeldPortTests {
    @Test func aServerThatIsStoppedKeepsItsPortAndComesBackOnIt() throws {
        let server = try TestHTTPServer()
        let number = server.port
        server.stop()
        #expect(call(bind, number) == EADDRINUSE)
        #expect(call(connect, number) == ECONNREFUSED)
        let successor = try TestHTTPServer(port: number)
        #expect(call(connect, number) == 0)
        successor.stop()
        #expect(call(connect, number) == ECONNREFUSED)
        withExtendedLifetime((server, successor)) {}
    }

    /// - Returns: 0, or why a new socket cannot.
    private func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ number: UInt16
    ) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = number.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 ? 0 : errno
            }
        }
    }
}
