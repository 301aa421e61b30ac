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
        var twin = self
        (twin.name, twin.subscriber, twin.topic, twin.ordering) = (name, subscriber, topic, .serial)
        twin.destination = self.destination ?? destination
        twin.middlewares = middlewares
        (twin.joining, twin.isUrgent, twin.givesWay) = (nil, false, true)
        return twin
    }
}

extension Router {
    /// A route as it was added; nil where there is none of this name.
    package func route(named name: String) -> Route? { runner(named: name)?.route }
}
