// The command line. Subcommands stand in files of their own.
// Next: ServeCommand.swift; ../Server, which does the work.

import ArgumentParser
import Server

@main
struct TaskdCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "taskd",
        abstract: "A task-queue server: AMQP 0-9-1 broker and Redis-compatible store in one daemon.",
        version: "taskd \(TaskdVersion.current)",
        subcommands: [ServeCommand.self, CheckConfigCommand.self, LogCommand.self, ExportRDBCommand.self])
}
