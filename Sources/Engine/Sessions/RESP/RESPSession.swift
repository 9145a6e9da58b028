// One connection that speaks RESP: decodes requests in place and has the store execute them, one after the
// other. All meaning is in the store; here are only decoding, its errors, and what stops the flow (a wait, a
// pause, an end).
// Loop thread only; no I/O. Next: Wire/RESP/RESPRequestParser.swift, Store/Framework/Execution.swift.

import Wire

/// Protocol side of a RESP connection.
final class RESPSession: Session, StoreClientHost {
    private let store: Store
    let client: StoreClient
    private var parser: RESPRequestParser
    /// The client has not read so much that its further requests wait.
    private var waitsForOutput = false
    /// Words of a request that has not come whole.
    private var partial: RESPArguments?

    init(store: Store, peer: PeerAddress) {
        self.store = store
        let configuration = store.context.configuration
        parser = RESPRequestParser(
            limits: RESPRequestLimits(
                bulkBytesMax: configuration.respBulkBytesMax, argumentsMax: Limits.respArgumentsMax,
                inlineBytesMax: Limits.respInlineBytesMax,
                unauthenticatedArgumentsMax: Limits.respArgumentsBeforeAuthenticationMax,
                unauthenticatedBulkBytesMax: Limits.respBulkBeforeAuthenticationBytesMax))
        let output = OutputQueue(flushList: store.context.flushList)
        client = StoreClient(store: store, output: output, peer: peer)
        super.init(context: store.context, peer: peer, output: output)
        client.needsAuthentication = store.access.asksForLogin
        client.host = self
        store.register(client)
    }

    // MARK: Input

    override func receive(_ bytes: ByteSlice) -> Int {
        client.lastActiveMilliseconds = context.time.wallMilliseconds
        let time = context.time
        if let stopwatch = time.stopwatch { time.lastStopwatchMicroseconds = stopwatch() }
        let start = time.lastStopwatchMicroseconds
        let batch = store.requestBatch
        var offset = 0
        var failure: RESPProtocolError?
        repeat {
            batch.removeAll()
            decode(bytes, &offset, &failure, batch)
            guard batch.count > 0 else { break }
            batch.prepare(store, store.databases[client.database])
            let executed = execute(batch)
            if executed < batch.count {
                // The rest is decoded again when it may be executed.
                offset = batch.start(executed)
                parser.reset()
                partial = nil
                failure = nil
                break
            }
            // Each command has looked at the clock.
            if time.lastStopwatchMicroseconds - start > Limits.receiveMicrosecondsMax, !pausesReading { yieldTurn() }
        } while failure == nil && partial == nil && !pausesReading && !client.isClosing
        store.statistics.inputBytes += UInt64(offset)
        if let failure, !client.isClosing { return refuse(failure, bytes) }
        if client.isClosing { return bytes.count }
        let queued = client.transaction?.bytes ?? 0
        if bytes.count - offset + queued > context.configuration.respQueryBytesMax { return overflow(bytes) }
        return offset
    }

    /// Decodes as many requests as may be decoded ahead. What is incomplete stays in `partial`.
    @inline(__always)
    private func decode(
        _ bytes: ByteSlice, _ offset: inout Int, _ failure: inout RESPProtocolError?, _ batch: RequestBatch
    ) {
        // Authentication changes what the next request may be.
        let limit = client.needsAuthentication ? 1 : RequestBatch.size
        parser.limits.isUnauthenticated = client.needsAuthentication
        if let held = partial {
            batch.putNextArguments(held)
            partial = nil
        }
        do throws(RESPProtocolError) {
            while batch.count < limit {
                let start = offset
                guard try parser.next(bytes, at: &offset, into: batch.nextArguments) else {
                    if parser.isWithinRequest { partial = batch.takeNextArguments() }
                    return
                }
                // Lines are unescaped into memory of the parser's: one at a time.
                if parser.isInline, batch.count > 0 {
                    offset = start
                    return
                }
                batch.append(start: start)
                if parser.isInline { return }
            }
        } catch {
            failure = error
        }
    }

    /// Executes the batch, in order. Returns how many were executed: fewer when the client has to wait or has
    /// gone.
    @inline(__always)
    private func execute(_ batch: RequestBatch) -> Int {
        let client = client
        let store = store
        var index = 0
        while index < batch.count {
            let arguments = batch.arguments(index)
            if store.pause.endMilliseconds != 0, store.isPaused(client, arguments) {
                pausesReading = true
                return index
            }
            store.dispatch(client, arguments, batch.row(index))
            index += 1
            if client.blocked != nil {
                pausesReading = true
                return index
            }
            if client.isClosing { return index }
            if client.output.hasOverflowed {
                client.checkOutputOverflow()
                return index
            }
            if client.output.pendingBytes > context.configuration.respOutputPauseBytes {
                waitsForOutput = true
                pausesReading = true
                return index
            }
        }
        return index
    }

    /// The bytes are no request: says why and closes.
    private func refuse(_ error: RESPProtocolError, _ bytes: ByteSlice) -> Int {
        context.log(.notice, "protocol error", ("client", client.address), ("error", error.text))
        client.isClosing = true
        client.call.reply.error("ERR " + error.text)
        closesAfterFlush = true
        return bytes.count
    }

    private func overflow(_ bytes: ByteSlice) -> Int {
        context.log(.warning, "client closed: its query buffer limit is reached", ("client", client.address))
        client.isClosing = true
        closeClientNow()
        return bytes.count
    }

    override func continueReading() { resumeClient() }

    override func outputDrained() {
        guard waitsForOutput else { return }
        waitsForOutput = false
        resumeClient()
    }

    // MARK: Ends

    override func disconnected() {
        client.isClosing = true
        store.unregister(client)
    }

    func closeClientAfterFlush() {
        closesAfterFlush = true
        wake()
    }

    func closeClientNow() {
        closesNow = true
        wake()
    }

    func resumeClient() {
        guard pausesReading else { return }
        pausesReading = false
        wake()
    }
}
