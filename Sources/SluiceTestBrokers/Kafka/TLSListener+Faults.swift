extension TLSListener {
    /// A certificate that a client has to refuse, and why.
    public struct Fault: Sendable, CustomStringConvertible {
        public let identity: Identity
        /// Whether the client trusts another authority than the one that has signed it.
        public let isByStranger: Bool
        /// The name that the client uses for the listener.
        public let host: String
        /// What the client says of it.
        public let words: String

        public var description: String { words }

        /// The file of the authority that the client trusts.
        public func authority(of files: Files) -> String { isByStranger ? files.stranger : files.authority }
    }

    /// Each has its own words: what mends one does not mend another.
    public static let faults = [
        Fault(
            identity: .broker, isByStranger: true, host: "localhost",
            words: "none of the authorities that are trusted has signed it"),
        Fault(identity: .expired, isByStranger: false, host: "localhost", words: "it has expired"),
        Fault(identity: .broker, isByStranger: false, host: "127.0.0.1", words: "it is for another host"),
        Fault(identity: .address, isByStranger: false, host: "localhost", words: "it is for another host"),
    ]
}
