import SluiceHTTP
import Testing

@testable import Sluice
@testable import SluiceGateway

struct ReadinessTests {
    @Test func eachPartAddsWhatItSaysInTheOrderInWhichTheyCame() {
        let board = ReadinessBoard()
        board.note("found at the start")
        board.add { $0.reasons.append("a reason") }
        board.add { $0.notes.append("\($0.reasons.count) before") }
        #expect(board.current.notes == ["found at the start", "1 before"])
        #expect(board.current.reasons == ["a reason"])
        #expect(board.current.response.status == 503)
    }

    @Test func notesAloneLeaveTheGatewayReady() {
        let board = ReadinessBoard()
        #expect(board.current.response.status == 200)
        board.note("something")
        #expect(board.current.response.status == 200)
    }

    @Test(arguments: [
        ("log-to-slack", "connecting", false), ("rabbitmq-to-log", "access refused", false),
        ("log-to-metrics", "stopped", false), ("simulate-staging", "draining", false),
        ("a-new-route", "connecting", false),
        ("github-to-log", "connecting", true), ("deployments-to-log", "stopped", true),
    ])
    func onlyARouteThatWebhooksNeedIsAReason(_ route: String, _ note: String, _ isReason: Bool) {
        var readiness = Readiness()
        readiness.add(
            [Router.RouteStatus(name: route, isRunning: false, note: note)],
            neededForWebhooks: ["github-to-log", "deployments-to-log"])
        #expect(readiness.reasons == (isReason ? ["\(route): \(note)"] : []))
        #expect(readiness.notes == (isReason ? [] : ["\(route): \(note)"]))
    }

    @Test func aRouteThatRunsAndIsHeldIsANote() {
        var readiness = Readiness()
        readiness.add(
            [
                Router.RouteStatus(name: "github-to-log", isRunning: true, note: "held: why"),
                Router.RouteStatus(name: "log-to-grafana", isRunning: true, note: nil),
            ], neededForWebhooks: ["github-to-log", "deployments-to-log"])
        #expect(readiness.reasons.isEmpty && readiness.notes == ["github-to-log: held: why"])
    }
}
