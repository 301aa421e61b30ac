/// Who scrapes, so that each Prometheus sees a new series at 0 once (``PrometheusCounter/startAtZero()``).
public struct Scraper: Sendable {
    let identity: String
    let patience: UInt64
    weak var connection: (any AnyObject & Sendable)?

    /// Nil when it is no Prometheus, nor a program that scrapes like one: it sees everything as it is.
    /// - Parameters:
    ///   - address: where the request came from, without its port.
    ///   - userAgent: the header `User-Agent`.
    ///   - scrapeTimeout: the header `X-Prometheus-Scrape-Timeout-Seconds`.
    ///   - connection: lives as long as the connection. Several servers on one machine differ by it alone.
    public init?(
        address: String, userAgent: String?, scrapeTimeout: String?, connection: some AnyObject & Sendable
    ) {
        guard scrapeTimeout != nil || userAgent?.hasPrefix("Prometheus/") == true else { return nil }
        identity = "\(address) \(userAgent ?? "")"
        // No server scrapes more often than its timeout. A little less, because a scrape may have been late.
        let seconds = scrapeTimeout.flatMap { Double($0) }.flatMap { (0...3_600).contains($0) ? $0 : nil } ?? 0
        patience = UInt64(seconds * 0.8e9)
        self.connection = connection
    }
}

/// Which series are news to one scraper.
struct Novelty: Sendable, Equatable {
    /// What was made at this time or later, in nanoseconds of ``MonotonicClock``.
    let since: UInt64

    func contains(_ birth: borrowing Birth) -> Bool {
        birth.nanoseconds.map { $0 >= since } ?? false
    }
}

/// Remembers when each Prometheus was here last.
///
/// One whose connection is new may be a new server, or a known one that has connected again. It is taken for a known one
/// with the same address and name whose connection has ended and which is due; after a confusion each has an entry of its
/// own again, because the one that is due is always the other.
struct ScraperBook: Sendable {
    private struct Entry: Sendable {
        let identity: String
        weak var connection: (any AnyObject & Sendable)?
        var last: UInt64
    }

    /// How many are told apart, in all and of one identity. Beyond that the one that was here longest ago is forgotten.
    static let most = 64
    static let mostOfOneIdentity = 8
    /// To one that is not known, a series that is older than this is no news: it may have been here before the gateway
    /// forgot it, and a counter that falls to 0 and rises again counts twice. Prometheus' own look back.
    static let youth: UInt64 = 300_000_000_000

    private var entries: [Entry] = []

    var count: Int { entries.count }

    /// A scrape begins.
    mutating func visit(_ scraper: Scraper, at now: UInt64) -> Novelty {
        guard let index = index(of: scraper, at: now) else {
            insert(Entry(identity: scraper.identity, connection: scraper.connection, last: now))
            return Novelty(since: now > Self.youth ? now - Self.youth : 0)
        }
        defer {
            entries[index].connection = scraper.connection
            entries[index].last = now
        }
        return Novelty(since: entries[index].last)
    }

    private func index(of scraper: Scraper, at now: UInt64) -> Int? {
        let known = entries.indices.filter { entries[$0].identity == scraper.identity }
        if let same = known.first(where: {
            entries[$0].connection != nil && entries[$0].connection === scraper.connection
        }) {
            return same
        }
        return known.filter { entries[$0].connection == nil && entries[$0].last &+ scraper.patience <= now }
            .min { entries[$0].last < entries[$1].last }
    }

    private mutating func insert(_ entry: Entry) {
        let siblings = entries.indices.filter { entries[$0].identity == entry.identity }
        let crowd = siblings.count >= Self.mostOfOneIdentity ? siblings : Array(entries.indices)
        if crowd.count < entries.count || entries.count >= Self.most,
            let oldest = crowd.min(by: { entries[$0].last < entries[$1].last })
        {
            entries.remove(at: oldest)
        }
        entries.append(entry)
    }
}
