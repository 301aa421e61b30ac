import Testing

@testable import Sluice
@testable import SluiceSQLite

@Suite struct KeyBookTests {
    private struct Full: Error {}

    private func key(_ number: Int) -> KeyBook.Key {
        KeyBook.Key(scope: "s", bytes: [UInt8(number & 255), UInt8(number >> 8)])
    }

    private func handle(_ number: Int, _ book: inout KeyBook) -> KeyBook.Note {
        #expect(book.reserve(key(number)) == nil)
        return book.note(key(number), for: 60_000)
    }

    @Test func aHandledKeyIsADuplicateUntilTheFileKnowsIt() {
        var book = KeyBook()
        #expect(book.reserve(key(1)) == nil)
        #expect(book.reserve(key(1)) == .inProgress)
        _ = book.note(key(1), for: 60_000)
        #expect(book.reserve(key(1)) == .duplicate)
        #expect(book.beginCommit() == [key(1): 60_000])
        #expect(book.reserve(key(1)) == .duplicate)
        book.endCommit(nil)
        // From here on the file is asked.
        #expect(book.reserve(key(1)) == nil)
        book.release(key(1))
        #expect(book.reserve(key(1)) == nil)
    }

    @Test func theWriterIsToldOnceForEachCommit() {
        var book = KeyBook()
        #expect(handle(1, &book).announces)
        #expect(!handle(2, &book).announces)
        #expect(book.beginCommit().count == 2)
        // What comes while a commit is under way needs another one.
        #expect(handle(3, &book).announces)
        book.endCommit(nil)
        #expect(!handle(4, &book).announces)
        #expect(book.beginCommit().count == 2)
    }

    @Test func onlySoManyWaitForACommitAlsoWhileOneIsUnderWay() {
        var book = KeyBook()
        for number in 1..<KeyBook.limit { #expect(!handle(number, &book).waits) }
        #expect(handle(KeyBook.limit, &book).waits)
        _ = book.beginCommit()
        #expect(book.isFull && handle(1_000, &book).waits)
        book.endCommit(nil)
        #expect(!book.isFull && !handle(1_001, &book).waits)
    }

    @Test func whatCouldNotBeWrittenIsWrittenWithTheNextCommit() {
        var book = KeyBook()
        _ = handle(1, &book)
        _ = book.beginCommit()
        _ = handle(2, &book)
        book.endCommit(Full())
        #expect(book.reserve(key(1)) == .duplicate)
        // The writer has put them off, and need not be told.
        let note = handle(3, &book)
        #expect(note.failure is Full && !note.announces)
        #expect(Set(book.beginCommit().keys) == [key(1), key(2), key(3)])
        book.endCommit(nil)
        #expect(handle(4, &book).failure == nil)
    }

    @Test func onlySoManyAreRememberedWhileNothingCanBeWritten() {
        var book = KeyBook()
        for number in 0..<KeyBook.limit - 1 { _ = handle(number, &book) }
        _ = book.beginCommit()
        book.endCommit(Full())
        _ = handle(900, &book)
        // This one fails before it comes to the keys.
        book.endCommit(Full())
        #expect(!book.isFull)
        #expect(book.reserve(key(900)) == nil)
    }
}
