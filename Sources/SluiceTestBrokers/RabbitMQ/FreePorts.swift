/// Ports for a broker that comes and goes while its clients try to connect.
///
/// None of those that the system gives to clients (32768 and up on Linux): a client that tries the port of a broker
/// that is down could be given that very port, and be connected with itself.
enum FreePorts {
    static func take(_ count: Int) throws -> [KeptPort] {
        var found: [KeptPort] = []
        for _ in 0..<1_000 where found.count < count {
            if let port = KeptPort(.random(in: 12_000..<22_000)) { found.append(port) }
        }
        guard found.count == count else { throw RabbitMQBroker.Failed(description: "no free ports") }
        return found
    }
}
