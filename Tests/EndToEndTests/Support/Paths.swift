// Where the tests find what they drive: the daemon's binary, the client programs, the Python environments.
// Paths come from this file's own place in the package, so that tests run from any working directory.

import Foundation
import Testing

enum Paths {
    /// The package's folder.
    static let package: URL = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let clients = package.appending(path: "Tests/EndToEndTests/Clients")

    /// `TEST_DAEMON` when set (Scripts/test sets the release build), else that build's usual place.
    static let daemon: URL =
        if let path = ProcessInfo.processInfo.environment["TEST_DAEMON"] {
            URL(fileURLWithPath: path)
        } else {
            package.appending(path: ".build/release/taskd")
        }

    static func python(_ environment: PythonEnvironment) -> URL {
        package.appending(path: ".venv-\(environment.rawValue)/bin/python")
    }
}

/// The virtual environments that Scripts/install-test-dependencies makes, by the name of their requirements file.
enum PythonEnvironment: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case pinned, newest

    var testDescription: String { rawValue }
}
