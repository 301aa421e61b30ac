/// What went wrong between this program and a broker.
public struct AMQPError: Error, CustomStringConvertible {
    public let description: String
}
