import Foundation
import GatewayTestSupport
import Glibc
import SluiceTesting
import Testing

@testable import SluiceGateway

/// The name in the data directory that commands come through.
struct ControlSocketTests {
    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode : nil
    }

    @Test func itIsForItsOwnerAlone() throws {
        let directory = try TemporaryDirectory()
        let before = umask(0)
        defer { umask(before) }
        let socket = try ControlSocket(in: directory.path)
        #expect(socket.path == directory.path + "/control.sock")
        #expect(mode(socket.path) == S_IFSOCK | 0o600)
        socket.close()
        #expect(mode(socket.path) == nil)
    }

    @Test func whatAProcessThatIsGoneHasLeftIsTakenOverAndALivingOneNever() throws {
        let directory = try TemporaryDirectory()
        let first = try ControlSocket(in: directory.path)
        let second = try ControlSocket(in: directory.path)
        #expect(second.path == directory.path + "/control-2.sock")
        // As a kill leaves it: the descriptor is closed, the name stays.
        close(first.descriptor)
        let third = try ControlSocket(in: directory.path)
        #expect(third.path == first.path)
        let fourth = try ControlSocket(in: directory.path)
        #expect(fourth.path == directory.path + "/control-3.sock")
        for socket in [second, third, fourth] {
            if case .success(let descriptor) = ControlSocket.connection(to: socket.path) {
                close(descriptor)
            } else {
                Issue.record("\(socket.path) does not listen")
            }
            socket.close()
        }
    }

    @Test func aNameThatAnotherHasTakenMeanwhileIsLeft() throws {
        let directory = try TemporaryDirectory()
        let first = try ControlSocket(in: directory.path)
        unlink(first.path)
        let second = try ControlSocket(in: directory.path)
        #expect(second.path == first.path)
        first.close()
        #expect(mode(second.path) != nil)
        second.close()
    }

    @Test func whatIsNoSocketIsNotDeleted() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/control.sock"
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        let socket = try ControlSocket(in: directory.path)
        #expect(socket.path == directory.path + "/control-2.sock")
        socket.close()
        #expect(FileManager.default.contents(atPath: path) == Data("mine".utf8))
    }

    @Test func thereAreNoMoreThanEight() throws {
        let directory = try TemporaryDirectory()
        let sockets = try ControlSocket.slots.map { _ in try ControlSocket(in: directory.path) }
        let error = #expect(throws: ControlSocketError.self) { try ControlSocket(in: directory.path) }
        #expect(error?.description.contains("8 processes") == true)
        #expect(ControlSocket.note(in: directory.path)?.contains("8 processes") == true)
        for socket in sockets { socket.close() }
        try ControlSocket(in: directory.path).close()
        #expect(ControlSocket.note(in: directory.path) == nil)
    }

    @Test func whereThereCanBeNoneItSaysWhy() throws {
        let long = try TemporaryDirectory().path + "/" + String(repeating: "x", count: 107)
        let error = #expect(throws: ControlSocketError.self) { try ControlSocket(in: long) }
        #expect(error?.description.contains("bytes, and 107 are the most") == true)
        #expect(NoGatewayError(long).description.contains("107 are the most"))
        // A file system that has no sockets, nor anything else that is made in it.
        #expect(throws: ControlSocketError.self) { try ControlSocket(in: "/proc/self/fdinfo") }
    }

    @Test func theGatewaysUserAndRootMayCommand() {
        #expect(ControlPeer.mayCommand(0, as: 1_000) && ControlPeer.mayCommand(1_000, as: 1_000))
        #expect(!ControlPeer.mayCommand(1_001, as: 1_000) && !ControlPeer.mayCommand(nil, as: 1_000))
        #expect(!ControlPeer.mayCommand(1_000, as: 0))
    }
}
