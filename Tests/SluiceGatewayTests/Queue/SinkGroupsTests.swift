import Sluice
import SluiceKafka
import Testing

@testable import SluiceGateway

/// How a sink's groups become two, or one, on Kafka: step by step, with a gateway killed after each.
struct SinkGroupsTests {
    private typealias Settled = SinkGroups.Settled

    /// What stands on the brokers.
    private final class Brokers {
        var groups = SinkGroups(own: [:], pushes: [:], urgent: [:])

        func perform(_ step: SinkGroups.Step) {
            switch step {
            case .own(let settled): groups.own.merge(settled) { $1 }
            case .pushes(let settled): groups.pushes.merge(settled) { $1 }
            case .urgent(let settled): groups.urgent.merge(settled) { $1 }
            }
        }

        /// - Parameter count: how many steps, at most; then the gateway is killed.
        /// - Returns: whether there is no other.
        func run(_ next: (SinkGroups) -> SinkGroups.Step?, steps count: Int = 20) -> Bool {
            for _ in 0..<count {
                guard let step = next(groups) else { return true }
                perform(step)
            }
            return next(groups) == nil
        }

        /// Which events of partition 0 a sink that reads so has yet to deliver: pushes have even offsets.
        func open(divided: Bool) -> [Int64] {
            (0..<12).filter { offset in
                let isPush = offset % 2 == 0
                if divided { return !((isPush ? groups.pushes : groups.urgent0)[0]?.contains(offset) ?? false) }
                guard !(groups.own[0]?.contains(offset) ?? false) else { return false }
                guard let parts = groups.parts else { return true }
                return !((isPush ? parts.pushes : parts.urgent)[0]?.contains(offset) ?? false)
            }
        }
    }

    private static func settled(_ offsets: some Sequence<Int64>) -> Settled {
        // As consumers commit: the prefix, and what is beyond it in the metadata.
        var settled = KafkaSettled()
        for offset in offsets { settled = settled.union(.only(offset)) }
        return [0: settled]
    }

    private static let divide: @Sendable (SinkGroups) -> SinkGroups.Step? = { $0.stepToDivide }
    private static let unite: @Sendable (SinkGroups) -> SinkGroups.Step? = { $0.stepToUnite }

    @Test func pushesBeginWhereTheSinkStood() {
        let brokers = Brokers()
        brokers.groups.own = Self.settled([0, 1, 2, 5])
        #expect(brokers.run(Self.divide))
        #expect(brokers.groups.pushes.isLike(brokers.groups.own))
        // Only once.
        brokers.groups.own = Self.settled(0...7)
        #expect(brokers.run(Self.divide))
        #expect(brokers.groups.pushes.isLike(Self.settled([0, 1, 2, 5])))
    }

    @Test func nothingIsDoneForASinkThatWasNeverDivided() {
        let brokers = Brokers()
        #expect(brokers.groups.stepToDivide == nil && brokers.groups.stepToUnite == nil)
        brokers.groups.own = Self.settled([0, 1])
        #expect(brokers.groups.stepToUnite == nil)
    }

    /// Whichever is ahead, and after however many steps the gateway is killed: what is open is the same.
    @Test(
        arguments: [([0, 1, 2, 3, 4, 5, 9], [0, 1, 2]), ([0, 1], [0, 1, 2, 3, 4, 6]), ([0, 1, 2], [0, 1, 2])], 0...6)
    func nothingIsLostOrDoubledWhereverItIsKilled(_ sets: ([Int64], [Int64]), after steps: Int) {
        let brokers = Brokers()
        brokers.groups.own = Self.settled(sets.0)
        brokers.groups.pushes = Self.settled(sets.1)
        let open = brokers.open(divided: true)
        _ = brokers.run(Self.unite, steps: steps)
        for _ in 0..<3 {
            #expect(brokers.run(Self.unite))
            #expect(brokers.open(divided: false) == open)
            // It is switched on again, is killed in the middle, and switched off again.
            _ = brokers.run(Self.divide, steps: steps)
        }
        #expect(brokers.run(Self.divide))
        #expect(brokers.open(divided: true) == open)
    }

    /// The one goes on, and the two have what it has settled.
    @Test(arguments: 0...6)
    func whatTheOneHasSettledTheTwoHaveToo(after steps: Int) {
        let brokers = Brokers()
        brokers.groups.own = Self.settled([0, 1, 2, 3, 4, 5, 9])
        brokers.groups.pushes = Self.settled([0, 1, 2])
        #expect(brokers.run(Self.unite))
        #expect(brokers.groups.own.isLike(Self.settled([0, 1, 2])))
        brokers.groups.own = Self.settled([0, 1, 2, 3, 4])
        _ = brokers.run(Self.divide, steps: steps)
        #expect(brokers.run(Self.divide))
        #expect(brokers.open(divided: true) == [6, 7, 8, 10, 11])
    }

    @Test(arguments: 0...3)
    func whatIsPastIsForgotten(after steps: Int) {
        let brokers = Brokers()
        brokers.groups.own = Self.settled([0, 1, 2, 3])
        brokers.groups.pushes = Self.settled([0])
        #expect(brokers.run(Self.unite))
        brokers.groups.own = Self.settled(0...8)
        _ = brokers.run(Self.unite, steps: steps)
        #expect(brokers.run(Self.unite))
        #expect(brokers.groups.parts == nil && brokers.groups.own.isLike(Self.settled(0...8)))
        // Switched on again, the pushes begin where the sink stands, and not where they were.
        #expect(brokers.run(Self.divide))
        #expect(brokers.groups.pushes.isLike(Self.settled(0...8)))
    }

    /// A gateway of the old configuration has read on while another began to unite.
    @Test func whatWasReadMeanwhileIsNotForgotten() {
        let brokers = Brokers()
        brokers.groups.own = Self.settled([0, 1])
        brokers.groups.pushes = Self.settled([0])
        _ = brokers.run(Self.unite, steps: 1)
        brokers.groups.own = Self.settled([0, 1, 2, 3])
        #expect(brokers.run(Self.unite))
        #expect(brokers.open(divided: false) == [2, 4, 5, 6, 7, 8, 9, 10, 11])
    }

    @Test func aPartitionThatOneHasNotComeToIsSettledByNone() {
        let brokers = Brokers()
        brokers.groups.own = Self.settled([0, 1]).merging([3: .only(0)]) { $1 }
        brokers.groups.pushes = Self.settled([0, 1, 2])
        #expect(brokers.run(Self.unite))
        #expect(brokers.groups.own[3]?.contains(0) == false)
        #expect(brokers.groups.parts?.urgent[3]?.contains(0) == true)
    }
}

extension SinkGroups {
    /// What is urgent is read by the sink's own group.
    fileprivate var urgent0: Settled { own }
}
