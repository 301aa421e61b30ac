package import Sluice

/// That a service had an incident. Its opening and its end may come as two facts of one id, in either order.
package struct IncidentFact: Sendable, Hashable {
    /// The source's own.
    package var id: String
    package var service: String
    /// Nil where only the end was heard of.
    package var openedAt: Timestamp?
    /// Nil while it is open.
    package var resolvedAt: Timestamp?

    package init(id: String, service: String, openedAt: Timestamp?, resolvedAt: Timestamp?) {
        self.id = id
        self.service = service
        self.openedAt = openedAt
        self.resolvedAt = resolvedAt
    }
}
