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

    private func tag(_ id: String) -> String {
        GrafanaAnnotation.tags(of: pushed, id: MessageID(id)).last ?? ""
    }

    @Test func tellsLongForeignIdsApart() {
        let front = String(repeating: "x", count: 100)
        let ids = [
            front, front + "a", front + "b", front + front, String(repeating: "é", count: 101), " " + front,
            "a", "A", "a ", " a", "a\n", "a\u{200E}", "\u{E9}", "e\u{301}",
        ]
        #expect(Set(ids.map { Array(tag($0).utf8) }).count == ids.count)
        for id in ids {
            #expect(tag(id).unicodeScalars.count <= "event:".count + 100)
            #expect(tag(id) == tag(id))
            #expect(GrafanaAnnotation.query(id: MessageID(id)).utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
        }
        // Ids that fit are written as they always were.
        #expect(tag(front) == "event:" + front)
        #expect(tag("order-17/é") == "event:order-17/é")
        // An id that is written like a hash is not taken for the id whose hash it is.
        let hashed = String(tag(front + "a").dropFirst("event:".count))
        #expect(hashed.hasPrefix("sha256-") && hashed.utf8.count == 71)
        #expect(tag(hashed) != tag(front + "a"))
    }

    @Test func findsALongForeignIdAndNoOther() throws {
        let (one, other) = (String(repeating: "x", count: 200) + "1", String(repeating: "x", count: 200) + "2")
        let answer = Array(#"[{"id":1,"tags":["pushed","\#(tag(one))"]}]"#.utf8)
        #expect(try GrafanaAnnotation.answer(answer, holds: MessageID(one)))
        #expect(try !GrafanaAnnotation.answer(answer, holds: MessageID(other)))
    }

    @Test func tellsLongEnvironmentsAndRepositoriesApart() {
        func tags(_ end: String) -> [String] {
            let long = String(repeating: "e", count: 120) + end
            return GrafanaAnnotation.tags(
                of: .commitDeployed(
                    Deployment(
                        id: "abcd", env: long, occurredOn: Timestamp(millisecondsSince1970: 5), repository: long)),
                id: "x")
        }
        #expect(tags("1")[0] != tags("2")[0] && tags("1")[1] != tags("2")[1])
        #expect((tags("1") + tags("2")).allSatisfy { $0.unicodeScalars.count <= 100 })
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
