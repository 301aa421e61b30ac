import Logging
import Sluice
import SluiceHTTP

/// The routes that take events in, and what they read from.
struct IntakeRoutes {
    /// A source, and the routes that it comes in by.
    struct Entry: Sendable {
        let name: String
        /// The kind's name; `own` for a source of a program's own.
        let kind: String
        var routes: [String] = []
        var paths: [String] = []
        /// Whether requests to one of its paths need no secret.
        var isUnsigned = false
        /// The setting that the first of them lacks.
        var missingSecret: String?
    }

    /// Webhooks of one listener. A request is answered when its events are on the queue.
    let door: IntakeDoor
    /// In the order of the sources: first what comes over HTTP, then the rest.
    let routes: [Route]
    let connections: [SourceConnection]
    /// The sources in their order.
    let entries: [Entry]
    /// Without these routes no webhook is taken in; every other route may fail while they go on.
    let neededForWebhooks: Set<String>

    init(
        _ configuration: GatewayConfiguration, _ listener: HTTPListener, to queue: any EventQueue,
        _ instruments: Instruments, journal: Journal?, onOpen: @escaping @Sendable () -> Void, logger: Logger
    ) throws {
        let (checking, plain) = (IntakePublisher(queue, isChecking: true), IntakePublisher(queue, isChecking: false))
        var ways: [(route: String, endpoint: HTTPEndpoint, publisher: any Publisher, handler: Handler)] = []
        var entries: [Entry] = []
        for source in configuration.sources {
            let kind = Registry.sources.first { $0.isKind(source.options) }?.name ?? "own"
            var entry = Entry(name: source.name, kind: kind)
            for (index, way) in source.options.endpoints(named: source.name).enumerated() {
                var endpoint = way.endpoint
                if !configuration.allowsUnsigned, endpoint.authenticator == nil {
                    let allows = configuration.names.setting(
                        ProcessOptions.allowUnsigned.variable, to: "true", in: "process")
                    endpoint.authenticator = .direct(
                        advice: "set \(configuration.missing(of: way, source.name)), or \(allows)",
                        refusing: Registry.sources.flatMap(\.senders))
                }
                let route = index == 0 ? source.route : "\(source.route)-\(index + 1)"
                let publisher = way.isChecked ? plain : checking
                ways.append((route, endpoint, publisher, way.handler(instruments)))
                entry.routes.append(route)
                entry.paths.append(endpoint.path)
                if way.endpoint.authenticator == nil {
                    entry.isUnsigned = true
                    if way.secret != nil, entry.missingSecret == nil {
                        entry.missingSecret = configuration.missing(of: way, source.name)
                    }
                }
            }
            entries.append(entry)
        }
        // Each request waits for a commit that all of them share: the more at once, the fewer commits.
        let subscriber = try HTTPSubscriber(listener: listener, endpoints: ways.map(\.endpoint), concurrency: 512)
        let door = IntakeDoor(listener, subscriber, awaiting: Set(ways.map { Topic($0.endpoint.path) }), onOpen: onOpen)
        let requests = ways.map { way in
            Route(
                way.route, from: door.subscriber, Topic(way.endpoint.path), to: way.publisher, queue.events,
                middlewares: Intake.middlewares(journal), handler: way.handler)
        }
        var connections: [SourceConnection] = []
        for (index, source) in configuration.sources.enumerated() {
            let connection = try source.options.connection(
                SourceParts(
                    name: source.name, queue: (checking, queue.events, queue.poison),
                    isPublishedTo: configuration.simulator != nil, instruments: instruments, logger: logger,
                    journal: journal))
            guard let connection else { continue }
            connections.append(connection)
            entries[index].routes += connection.routes.map(\.name)
        }
        self.connections = connections
        self.entries = entries
        self.door = door
        routes = requests + connections.flatMap(\.routes)
        neededForWebhooks = Set(requests.map(\.name))
    }

    /// What keeps connections from taking events in: a note, since webhooks need none of them.
    func report(to readiness: inout Readiness) {
        for connection in connections { readiness.notes += connection.notes() }
    }
}
