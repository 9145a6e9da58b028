import Testing
import Wire

@testable import Engine

/// Goal: what changes while a checkpoint is taken shows in it, so it may not count before that is on disk: a power cut
/// would leave a picture without a message that the log, cut short, does not have either.
@Test func checkpointsWaitForWhatTheyShow() {
    let engine = Engine(configuration: EngineConfiguration())
    let journal = engine.context.journal
    journal.begin(epoch: 1, at: 0)
    engine.finishRecovery()
    #expect(engine.checkpointSafePosition == 0)
    let position = engine.beginCheckpoint()
    let peer = PeerAddress(host: "127.0.0.1", port: 1, isLoopback: true, localHost: "127.0.0.1", localPort: 6379)
    let session = engine.makeRESPSession(peer: peer)
    Array("SET a 1\r\n".utf8).withUnsafeBytes { _ = session.receive(ByteSlice($0)) }
    #expect(engine.checkpointSafePosition == .max)
    while !engine.continueCheckpoint() {}
    #expect(engine.checkpointSafePosition == journal.nextPosition)
    #expect(engine.checkpointSafePosition > position)
    engine.takeCheckpointChunk()?.deallocate()
    engine.checkpointEnded(failure: nil)
    session.disconnected()
}

/// Goal: an import is in its checkpoint or the log is refused. Method: the record behind it, with checkpoints around it.
@Test func importsNeedTheirCheckpoint() throws {
    func replay(_ checkpoint: UInt64?, _ imported: UInt64) throws {
        let engine = Engine(configuration: EngineConfiguration())
        func apply(_ type: RecordType, _ payload: [UInt64]) throws {
            let bytes = payload.flatMap { number in withUnsafeBytes(of: number.bigEndian) { Array($0) } }
            try withSlice(bytes) { slice in
                try engine.replay(type: type, payload: slice, position: 0)
            }
        }
        if let checkpoint { try apply(.checkpointBegin, [checkpoint, 1]) }
        try apply(.storeImported, [imported])
    }
    try replay(100, 100)
    try replay(200, 100)
    #expect(throws: ReplayError.self) { try replay(99, 100) }
    #expect(throws: ReplayError.self) { try replay(nil, 17) }
}
