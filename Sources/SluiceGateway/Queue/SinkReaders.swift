/// How sinks read the queue: each by one group, or by two. By the sinks' own groups.
struct SinkReaders {
    private struct Reader {
        let isDivided: Bool
        let parted: PartedReader
        /// Whether its groups on the queue are as it reads.
        var isArranged = false
    }

    private var readers: [String: Reader] = [:]

    var groups: [String] { readers.keys.sorted() }

    /// A sink is read so from now on.
    mutating func follow(_ sink: ConfiguredSink) -> PartedReader {
        let parted = PartedReader()
        readers[sink.group] = Reader(isDivided: sink.options.digests, parted: parted)
        return parted
    }

    /// The sink's own group of one of its groups.
    func group(of route: String) -> String {
        guard let group = ReaderPart.sinksGroup(ofPushes: route), readers[group]?.isDivided == true else {
            return route
        }
        return group
    }

    func isPushesGroup(_ route: String) -> Bool { group(of: route) != route }

    func reader(of group: String) -> (isDivided: Bool, parted: PartedReader)? {
        readers[group].map { ($0.isDivided, $0.parted) }
    }

    func isArranged(_ route: String) -> Bool { readers[group(of: route)]?.isArranged ?? false }

    mutating func noteArranged(_ group: String) { readers[group]?.isArranged = true }

    /// The route has ended.
    mutating func forget(_ route: String) { readers[group(of: route)] = nil }
}
