import Sluice
import SluiceGateway
import Testing

struct GrafanaAnnotationTests {
    private let pushed = Event.commitPushed(
        CommitPushed(
            id: "abcd", message: "m", author: "Ann \"A\" <a>",
            occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_678),
            repository: "octo/hello"))
    private let deployed = Event.commitDeployed(
        Deployment(id: "abcd", env: "production", occurredOn: Timestamp(millisecondsSince1970: 5)))

    @Test func writesTextTagsAndExactMilliseconds() {
        #expect(
            String(decoding: GrafanaAnnotation.body(for: pushed, id: "x1"), as: UTF8.self)
                == #"{"time":1767323045678,"timeEnd":1767323045678,"tags":["pushed","octo/hello","event:x1"],"#
                + #""text":"Commit abcd pushed by Ann \"A\" <a>"}"#)
        #expect(
            String(decoding: GrafanaAnnotation.body(for: deployed, id: "x2"), as: UTF8.self)
                == #"{"time":5,"timeEnd":5,"tags":["deploy-production","event:x2"],"#
                + #""text":"Commit abcd deployed to production"}"#)
    }

    @Test func cutsTagsToWhatGrafanaCanStore() {
        let long = Event.commitDeployed(
            Deployment(
                id: "abcd", env: String(repeating: "é", count: 120), occurredOn: Timestamp(millisecondsSince1970: 5)))
        let tags = GrafanaAnnotation.tags(of: long, id: long.messageID)
        #expect(tags.allSatisfy { $0.unicodeScalars.count <= 100 })
        #expect(tags.last == "event:\(long.messageID)")
    }

    @Test func looksAnEventUpByItsTag() throws {
        #expect(GrafanaAnnotation.query(id: "0-a&b c") == "type=annotation&limit=1&tags=event%3A0-a%26b%20c")
        let answer = #"[{"id":7,"tags":null},{"id":8,"tags":["pushed","event:x1"],"data":{}}]"#
        #expect(try GrafanaAnnotation.answer(Array(answer.utf8), holds: "x1"))
        #expect(try !GrafanaAnnotation.answer(Array(answer.utf8), holds: "x"))
        #expect(try !GrafanaAnnotation.answer(Array("[]".utf8), holds: "x1"))
    }

    @Test(arguments: ["", "{}", "<html>", "[{\"tags\":[1]}]", "[] x"])
    func takesNoOtherAnswerForANo(answer: String) {
        #expect(throws: JSONError.self) { try GrafanaAnnotation.answer(Array(answer.utf8), holds: "x1") }
    }
}
