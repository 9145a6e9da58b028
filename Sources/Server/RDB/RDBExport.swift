// `taskd export-rdb`: writes the keys of a data folder that no daemon uses into an RDB file. The log is read as a start
// would read it, with what a killed daemon had collected, but nothing in the folder is changed.
// Next: ../../Engine/RDBSaving.swift, ../../Engine/Offline/FrozenDisk.swift, FileTarget.swift.

import Engine
import EventLoop

/// The export.
public enum RDBExport {
    /// Until the process ends: to free ten million keys one by one would take as long as to write them.
    nonisolated(unsafe) private static var kept: RDBSaving?

    /// `print` gets whole lines about oddities. Returns a line that says what was written.
    public static func run(
        _ configuration: ServerConfiguration, to path: String, print: @escaping (String) -> Void
    ) throws(LogToolError) -> String {
        let folder: DataFolder
        do throws(StartError) {
            folder = try DataFolder(existing: configuration.dataFolder, isReadOnly: true)
        } catch {
            throw LogToolError(error.description)
        }
        defer { withExtendedLifetime(folder) {} }
        let saving = RDBSaving(configuration.engineConfiguration(randomSeed: 1))
        saving.context.log.sink = { _, text, pairs in
            print(text + pairs.map { " \($0)=\($1)" }.joined())
        }
        try replay(folder, into: saving, print)
        saving.context.time.advance(
            monotonicMicroseconds: LoopClock.monotonicMicroseconds, wallMicroseconds: LoopClock.wallMicroseconds)
        let target = FileTarget(path: path)
        if let failure = target.failure { throw LogToolError(failure) }
        let report = saving.write(to: target)
        if let failure = target.finish() { throw LogToolError(failure) }
        kept = saving
        return "exported \(report.keys) keys of \(report.databases) databases and \(report.functionLibraries) "
            + "libraries of functions, \(report.bytes) bytes"
    }

    private static func replay(
        _ folder: DataFolder, into saving: RDBSaving, _ print: (String) -> Void
    ) throws(LogToolError) {
        let disk = FrozenDisk(FolderDisk(path: folder.logPath, isReadOnly: true))
        let log = SegmentedLog(disk: disk, segmentBytesMax: Int.max)
        let staged = StagingMemory.copies(folder: folder.path)
        defer { staged.files.forEach { $0.deallocate() } }
        log.staged = staged.found
        do throws(LogError) {
            try log.recover { notice in
                switch notice {
                case .tornTailCut(let segment, let offset, let count):
                    print("\(segment) ends in an interrupted write of \(count) bytes at offset \(offset): left out")
                case .checkpointPassedOver(let name, let reason):
                    print("\(name) is damaged (\(reason)); the checkpoint before it and the log are used instead")
                case .recordLeftOut(let segment, let offset, let reason):
                    print("\(segment) at offset \(offset): left out what cannot be applied: \(reason)")
                case .emptySegmentRemoved, .stagedRecordsAdopted, .progress: break
                }
            } visit: { type, payload, position in
                try saving.replay(type: type, payload: payload, position: position)
            }
        } catch {
            throw LogToolError(error.description)
        }
    }
}
