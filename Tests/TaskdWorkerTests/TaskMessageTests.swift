import Foundation
import TaskdClient
import Testing

@testable import TaskdWorker

private func bytes(_ text: String) -> Data { Data(text.utf8) }

@Test func callsAreWrittenAsCeleryReadsThem() throws {
    var call = CallWriter()
    try call.append(2)
    try call.append("x")
    try call.append("name", [1, 2])
    let body = String(decoding: try call.body(), as: UTF8.self)
    let value = try JSONDecoder().decode(JSONValue.self, from: bytes(body))
    #expect(value.array?[0] == .array([.int(2), .string("x")]))
    #expect(value.array?[1] == .object(["name": .array([.int(1), .int(2)])]))
    #expect(value.array?[2] == .object(["callbacks": .null, "errbacks": .null, "chain": .null, "chord": .null]))
    #expect(call.argumentsText == #"(2, "x")"# && call.keywordsText == "{'name': [1,2]}")
}

@Test func argumentsFindTheirParameters() throws {
    let body = bytes(#"[[1, "two"], {"c": 3.5, "e": null}, {"callbacks": null, "chain": null, "chord": null}]"#)
    var reader = try CallReader(body, parameterNames: ["a", "b", "c", "d", "e"])
    #expect(try reader.next(Int.self) == 1)
    #expect(try reader.next(String.self) == "two")
    #expect(try reader.next(Double.self) == 3.5)
    #expect(try reader.next(Int?.self) == nil)
    #expect(try reader.next(Int?.self) == nil)
    try reader.finish()
    #expect(throws: TaskError.arguments("argument 6 is missing")) { try reader.next(Int.self) }
    var tooMany = try CallReader(body, parameterNames: [])
    _ = try tooMany.next(Int.self)
    #expect(throws: TaskError.arguments("more than 1 arguments")) { try tooMany.finish() }
    var unnamed = try CallReader(body, parameterNames: [])
    _ = try unnamed.next(Int.self)
    _ = try unnamed.next(String.self)
    #expect(throws: TaskError.arguments("no parameter is named 'c'")) { try unnamed.finish() }
    for bad in ["", "[]", "{}", "[[], {}]", "[1, 2, 3]", "[[],[],{}]"] {
        #expect(throws: (any Error).self) { try CallReader(bytes(bad), parameterNames: []) }
    }
}

@Test func messagesSurviveTheirHeaders() throws {
    var message = TaskMessage(id: "i", name: "tasks.add", body: bytes("[[], {}, {}]"))
    message.eta = 1_000.5
    message.expires = 2_000
    message.retries = 2
    message.parentID = "p"
    message.rootID = "r"
    message.group = "g"
    message.priority = 4
    message.replyTo = "q"
    message.argumentsText = "()"
    message.ignoresResult = true
    let read = try TaskMessage(message.properties, Array(message.body))
    #expect(read.id == "i" && read.name == "tasks.add" && read.eta == 1_000.5 && read.expires == 2_000)
    #expect(read.retries == 2 && read.parentID == "p" && read.rootID == "r" && read.group == "g")
    #expect(read.priority == 4 && read.replyTo == "q" && read.argumentsText == "()" && read.ignoresResult)
    #expect(message.properties.deliveryMode == 2)
    var other = message.properties
    other.contentType = Array("application/x-python-serialize".utf8)
    #expect(throws: TaskError.self) { _ = try TaskMessage(other, []) }
    other = message.properties
    other.headers?["eta"] = "soon"
    #expect(throws: TaskError.self) { _ = try TaskMessage(other, []) }
    #expect(throws: TaskError.self) { _ = try TaskMessage(BasicProperties(), []) }
}

@Test func signaturesKeepWhatTheyDoNotKnow() throws {
    let text =
        #"{"task": "t", "args": [1], "kwargs": {}, "options": {"task_id": "x"}, "subtask_type": null, "immutable": true}"#
    let signature = try JSONDecoder().decode(Signature.self, from: bytes(text))
    #expect(signature.task == "t" && signature.immutable && signature.options["task_id"] == .string("x"))
    let again = try JSONDecoder().decode(JSONValue.self, from: try JSONEncoder().encode(signature))
    #expect(again == (try JSONDecoder().decode(JSONValue.self, from: bytes(text))))
}
