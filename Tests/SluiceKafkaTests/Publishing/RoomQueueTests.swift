import Testing

@testable import SluiceKafka

struct RoomQueueTests {
    @Test func isEmptyAtFirst() {
        var queue = RoomQueue<Int>()
        #expect(queue.isEmpty)
        #expect(queue.makeRoom() == nil)
        #expect(queue.passOn() == nil)
        #expect(queue.remove(1) == nil)
    }

    @Test func roomMadeMeanwhileIsNotMissed() {
        var queue = RoomQueue<Int>()
        let seen = queue.generation
        _ = queue.makeRoom()
        #expect(queue.wait(1, 1, seen: seen, hasTurn: false) == .tryAgain)
        #expect(queue.isEmpty)
    }

    @Test func aNewcomerThatDidNotLookNeverWaitsInVain() {
        var queue = RoomQueue<Int>()
        #expect(queue.wait(1, 1, seen: nil, hasTurn: false) == .tryAgain)
        #expect(queue.wait(2, 2, seen: queue.generation, hasTurn: false) == .waiting)
        #expect(queue.wait(3, 3, seen: nil, hasTurn: false) == .waiting)
    }

    @Test func oneAtATimeHasTheTurnInOrder() {
        var queue = RoomQueue<Int>()
        for number in 1...3 { #expect(queue.wait(UInt64(number), number, seen: 0, hasTurn: false) == .waiting) }
        #expect(queue.makeRoom() == 1)
        #expect(queue.makeRoom() == nil)
        // Not enough: back to the front.
        #expect(queue.wait(1, 1, seen: queue.generation, hasTurn: true) == .waiting)
        #expect(queue.makeRoom() == 1)
        #expect(queue.passOn() == 2)
        #expect(queue.passOn() == 3)
        #expect(queue.passOn() == nil)
        #expect(queue.isEmpty)
    }

    @Test func theOneWithTheTurnTriesAgainWhereRoomWasMade() {
        var queue = RoomQueue<Int>()
        _ = queue.wait(1, 1, seen: 0, hasTurn: false)
        #expect(queue.makeRoom() == 1)
        let seen = queue.generation
        #expect(queue.makeRoom() == nil)
        #expect(queue.wait(1, 1, seen: seen, hasTurn: true) == .tryAgain)
    }

    @Test func noOtherOvertakesTheOneWithTheTurn() {
        var queue = RoomQueue<Int>()
        _ = queue.wait(1, 1, seen: 0, hasTurn: false)
        #expect(queue.makeRoom() == 1)
        // Room was made since, and still: behind the one who is filling it.
        #expect(queue.wait(2, 2, seen: 0, hasTurn: false) == .waiting)
        #expect(queue.passOn() == 2)
    }

    @Test func aWaiterThatIsTakenOutIsNotWoken() {
        var queue = RoomQueue<Int>()
        for number in 1...3 { _ = queue.wait(UInt64(number), number, seen: 0, hasTurn: false) }
        #expect(queue.remove(2) == 2)
        #expect(queue.remove(2) == nil)
        #expect(queue.makeRoom() == 1)
        #expect(queue.passOn() == 3)
        #expect(queue.removeAll() == [])
    }

    /// Everything that can happen, in every order up to a length: a waiter is woken as long as room is made and
    /// turns are passed on.
    @Test func noneWaitsForEver() {
        enum Step: CaseIterable { case arrive, look, room, pass, cancel }
        func explore(_ queue: RoomQueue<Int>, _ turn: Int?, _ waiting: [Int], _ next: Int, _ depth: Int) {
            var end = (queue: queue, turn: turn, left: Set(waiting))
            for _ in 0...waiting.count + 1 {
                if end.turn != nil { end.turn = end.queue.passOn() } else { end.turn = end.queue.makeRoom() }
                if let turn = end.turn { end.left.remove(turn) }
            }
            #expect(end.left.isEmpty)
            guard depth > 0 else { return }
            for step in Step.allCases {
                var queue = queue
                switch step {
                case .arrive, .look:
                    let seen = step == .look ? queue.generation : nil
                    let waits = queue.wait(UInt64(next), next, seen: seen, hasTurn: false) == .waiting
                    explore(queue, turn, waits ? waiting + [next] : waiting, next + 1, depth - 1)
                case .room:
                    let woken = queue.makeRoom()
                    #expect(woken == nil || turn == nil)
                    explore(queue, woken ?? turn, waiting.filter { $0 != woken }, next, depth - 1)
                case .pass:
                    guard turn != nil else { continue }
                    let woken = queue.passOn()
                    #expect(woken == waiting.first)
                    explore(queue, woken, waiting.filter { $0 != woken }, next, depth - 1)
                case .cancel:
                    guard let victim = waiting.last else { continue }
                    #expect(queue.remove(UInt64(victim)) == victim)
                    explore(queue, turn, waiting.dropLast(), next, depth - 1)
                }
            }
        }
        explore(RoomQueue(), nil, [], 1, 6)
    }
}
