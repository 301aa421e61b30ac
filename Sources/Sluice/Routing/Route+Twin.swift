extension Route {
    /// The same work for other messages: what was put aside comes back through it, behind the route's own at its destination.
    /// - Parameters:
    ///   - name: of its own in the router.
    ///   - subscriber: what it reads instead.
    ///   - destination: the route's own, where that has no name.
    ///   - middlewares: instead of the route's.
    package func twin(
        _ name: String, from subscriber: any Subscriber, _ topic: Topic, destination: Destination?,
        middlewares: [any Middleware]
    ) -> Route {
        switch work {
        case .consuming(let handler):
            Route(
                name, from: subscriber, topic, ordering: .serial, destination: self.destination ?? destination,
                middlewares: middlewares, givesWay: true, handler: handler)
        case .producing(let handler, let output):
            Route(
                name, from: subscriber, topic, to: output.publisher, output.topic, ordering: .serial,
                destination: self.destination ?? destination, middlewares: middlewares, givesWay: true,
                handler: handler)
        }
    }
}

extension Router {
    /// A route as it was added; nil where there is none of this name.
    package func route(named name: String) -> Route? { runner(named: name)?.route }
}
