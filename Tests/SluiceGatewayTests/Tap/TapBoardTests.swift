import GatewayTestSupport
import Sluice
import Testing

@testable import SluiceGateway

struct TapBoardTests {
    private func note(_ board: TapBoard, _ count: Int, bytes: Int = 100) throws {
        let event = Event.commitDeployed(Deployment(id: Fixtures.commit, env: "staging", occurredOn: .now()))
        for _ in 0..<count {
            board.note(
                "slack", Message(payload: [UInt8](repeating: 0, count: bytes)), event, "acked", reason: nil,
                attempts: 1,
                .zero)
        }
    }

    @Test func nothingIsKeptUnlessAReaderWatches() throws {
        let board = TapBoard()
        #expect(!board.isWatched)
        try note(board, 3)
        #expect(board.read(from: nil).entries.isEmpty && board.isWatched)
    }

    @Test func aReaderGetsWhatCameSinceItLastAsked() throws {
        let board = TapBoard()
        let start = board.read(from: nil)
        try note(board, 3)
        let first = board.read(from: start.next)
        #expect(first.entries.map(\.number) == [1, 2, 3] && first.lost == 0)
        #expect(board.read(from: first.next).entries.isEmpty)
        try note(board, 600)
        let second = board.read(from: first.next)
        #expect(second.entries.count == 256 && second.next == 260)
        #expect(board.read(from: second.next).entries.first?.number == 260)
    }

    @Test func whatIsTooMuchIsForgottenAndCounted() throws {
        let board = TapBoard()
        let start = board.read(from: nil)
        try note(board, 5_000)
        let batch = board.read(from: start.next)
        #expect(batch.lost == 5_000 - 2_048 && batch.entries.first?.number == 5_000 - 2_047)
        let large = TapBoard()
        let begin = large.read(from: nil)
        try note(large, 100, bytes: 1 << 20)
        #expect(large.read(from: begin.next).lost >= 96)
    }

    /// A gateway that was started anew counts from 1.
    @Test func aReaderOfAnEarlierProcessBeginsAnew() {
        let board = TapBoard()
        let batch = board.read(from: 1_000)
        #expect(batch.entries.isEmpty && batch.next == 1)
    }

    @Test(arguments: ["event=nothing", "colour=red", "event", "event=", "branch=main,environment=production"])
    func aFilterThatCannotBeReadIsRefused(_ word: String) {
        #expect(throws: EventFilterError.self) { try EventFilter(words: [word]) }
    }

    @Test func wordsMakeAFilter() throws {
        let filter = try EventFilter(words: ["event=commitPushed|commitDeployed,repository=acme/*", "service=web"])
        #expect(
            filter.entries == [
                .init(event: [.commitPushed, .commitDeployed], repository: ["acme/*"]), .init(service: ["web"]),
            ])
    }
}
