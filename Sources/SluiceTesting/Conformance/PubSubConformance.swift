/// The suite that every Pub/Sub passes: what it promises in ``PubSubFeatures``, it is shown to keep.
///
/// In a test target of Swift Testing:
///
/// ```swift
/// @Test(arguments: PubSubConformance.cases)
/// func conforms(to conformance: PubSubConformance.Case) async throws {
///     let harness = PubSubHarness(features: …) { … } makeSubscriber: { options in … }
///     if let reason = conformance.skipReason(on: harness) { return print("\(conformance) is left out: it \(reason)") }
///     try await conformance.run(on: harness)
/// }
/// ```
///
/// From Swift 6.3 on `try Test.cancel(reason)` shows it as skipped instead.
///
/// These cases are independent of each other and may run at the same time on one broker. The ``restartCases`` stop it, and
/// so have one to themselves:
///
/// ```swift
/// @Suite(.serialized) struct CrashTests {
///     @Test(arguments: PubSubConformance.restartCases)
///     func conformsOverACrash(_ conformance: PubSubConformance.Case) async throws { … }
/// }
/// ```
///
/// No case depends on how fast or how busy the machine is: what must happen is waited for (``PubSubHarness/patience``), and
/// a time that must pass is only ever a lower bound. Of these an adapter with timers of its own should know one: a message
/// that is rejected without a delay again and again comes after 5 ms or more, from its fifth redelivery on
/// (`doesNotRedeliverInAHotLoop`; the rule stands at `Settler`).
///
/// The package in `Examples/` has an adapter over files that passes the suite.
public enum PubSubConformance {
    /// One promise, named by a sentence.
    public struct Case: Sendable, CustomStringConvertible {
        public let name: String
        let needs: [Need]
        let body: @Sendable (ConformanceRun) async throws -> Void

        init(
            _ name: String, needs: Need..., body: @escaping @Sendable (ConformanceRun) async throws -> Void
        ) {
            self.name = name
            self.needs = needs
            self.body = body
        }

        public var description: String { name }

        /// Why the case does not apply to this Pub/Sub, or nil when it does.
        public func skipReason(on harness: PubSubHarness) -> String? {
            let missing = needs.filter { !$0.isMet(harness) }.map(\.name)
            return missing.isEmpty ? nil : "needs \(missing.joined(separator: ", "))"
        }

        /// Runs the case.
        /// - Throws: ``ConformanceFailure`` when the promise is not kept or the case hangs, ``ConformanceSkip`` when
        ///   it does not apply, and whatever the Pub/Sub itself threw where it should not have.
        public func run(on harness: PubSubHarness) async throws {
            if let reason = skipReason(on: harness) { throw ConformanceSkip(name: name, reason: reason) }
            let run = ConformanceRun(harness)
            let outcome: Deadline<Void>
            do {
                outcome = try await withDeadline(harness.deadline, in: harness.time) { [body] in
                    do { try await body(run) } catch {
                        await run.close()
                        throw error
                    }
                    await run.close()
                }
            } catch var failure as ConformanceFailure {
                failure.name = name
                throw failure
            }
            if case .missed = outcome {
                throw ConformanceFailure(
                    name: name, expected: "the case to end within \(harness.deadline)",
                    actual: "it was still \(run.step)")
            }
        }
    }

    /// Something that a case relies on.
    struct Need: Sendable {
        let name: String
        let isMet: @Sendable (PubSubHarness) -> Bool

        static func feature(_ name: String, _ isMet: @escaping @Sendable (PubSubFeatures) -> Bool) -> Need {
            Need(name: name) { isMet($0.features) }
        }

        static let groups = feature("consumerGroups") { $0.consumerGroups }
        static let exactlyOnce = feature("exactlyOnce") { $0.exactlyOnce }
        static let order = feature("guaranteedOrder or guaranteedOrderWithSingleSubscriber") {
            $0.guaranteedOrder || $0.guaranteedOrderWithSingleSubscriber
        }
        static let persistent = feature("persistent") { $0.persistent }
        static let oldMessages = feature("newSubscriberReceivesOldMessages") { $0.newSubscriberReceivesOldMessages }
        static let limitsInFlight = feature("limitsInFlight") { $0.limitsInFlight }
        static let delays = feature("delaysRedelivery") { $0.delaysRedelivery }
        static let overtaking = feature("overtakesRejected") { $0.overtakesRejected }
        static let attempts = feature("countsAttempts") { $0.countsAttempts }
        static let backPressure = feature("backPressure") { $0.backPressure }
        static let unicode = feature("unicode") { $0.unicode }
        static let restart = Need(name: "restartable and a restart closure") {
            $0.features.restartable && $0.restart != nil
        }
        static let malformed = Need(name: "an injectMalformed closure") { $0.injectMalformed != nil }
    }

    /// The cases that leave the broker running, in the order in which a new adapter is best brought up.
    public static let cases: [Case] =
        messageCases + settlementCases + orderCases + groupCases + concurrencyCases + continuityCases
        + pressureCases + closingCases + malformedCases

    /// The cases that stop the broker and start it again (``PubSubHarness/restart``): nothing else may use it meanwhile.
    public static let restartCases: [Case] = crashCases

    /// All of them, where each case has a broker of its own.
    public static let allCases = cases + restartCases

    /// The cases that apply to this Pub/Sub, those that restart the broker included.
    public static func cases(for harness: PubSubHarness) -> [Case] {
        allCases.filter { $0.skipReason(on: harness) == nil }
    }

    /// The cases that do not, each with the reason: print these, so that nothing is left out silently.
    public static func skipped(for harness: PubSubHarness) -> [(case: Case, reason: String)] {
        allCases.compactMap { item in item.skipReason(on: harness).map { (item, $0) } }
    }
}
