import NIOCore

/// The event loops that all listeners share.
package enum EventLoops {
    /// How many there are, or will be: one for each core unless ``prepare(openFiles:)`` made it fewer.
    package static var count: Int { NIOSingletons.groupLoopCountSuggestion }

    /// Has as many loops as the limit on descriptors can bear, of which each needs three. To be called once, before
    /// anything listens.
    package static func prepare(openFiles: Int) {
        let affordable = max(1, openFiles / 32)
        if affordable < System.coreCount { NIOSingletons.groupLoopCountSuggestion = affordable }
    }
}
