import MoedCore
import Synchronization

/// A runner that runs nothing: the test reads the received calls and sends the events.
final class ScriptedRunner: JobRunner {
    struct State {
        var room: Int
        /// Started jobs whose bodies fill the room for requests.
        var bodiesMax = Int.max
        var started: [RunnableJob] = []
        var stopped: [JobID] = []
        var proceeded: Set<EngineRequest.Key> = []
        var declined: Set<EngineRequest.Key> = []
        /// Tenants whose jobs it may not run.
        var barred: Set<String> = []
        var endpoints: [EndpointReport] = []
        var urgentRoom: UrgentRoom?
        var plansDeadlines = false
        var planned: [[DeadlineCount]] = []
        var pausesEnded: Set<String> = []
        var isInterrupted = false
        var events: (@Sendable (RunnerEvent) -> Void)?
    }

    let origin: RunnerOrigin?
    let models = ["default"]
    var requestRoom: RequestRoom {
        state.withLock { RequestRoom(bodyMax: 1 << 20, bytes: max(0, $0.bodiesMax - $0.started.count)) }
    }
    private let state: Mutex<State>

    init(room: Int, origin: String? = "test") {
        state = Mutex(State(room: room))
        self.origin = origin.map { RunnerOrigin(digest: $0, model: "m") }
    }

    var now: State { state.withLock { $0 } }

    func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    var room: Int { state.withLock { max(0, $0.room - $0.started.count) } }
    func start(_ jobs: [RunnableJob]) { state.withLock { $0.started += jobs } }
    func stop(_ jobs: [JobID]) { state.withLock { $0.stopped += jobs } }
    func proceed(_ requests: Set<EngineRequest.Key>) { state.withLock { $0.proceeded.formUnion(requests) } }
    var endpoints: [EndpointReport] { state.withLock { $0.endpoints } }
    var urgentRoom: UrgentRoom? { state.withLock { $0.urgentRoom } }
    var plansDeadlines: Bool { state.withLock { $0.plansDeadlines } }
    func plan(_ deadlines: [DeadlineCount]) { state.withLock { $0.planned.append(deadlines) } }
    func endPauses(of names: Set<String>) { state.withLock { $0.pausesEnded.formUnion(names) } }
    func decline(_ requests: Set<EngineRequest.Key>) { state.withLock { $0.declined.formUnion(requests) } }
    func mayRun(tenant: String, mayLeave: Bool) -> Bool { mayLeave || !state.withLock { $0.barred.contains(tenant) } }
    func interrupt() { state.withLock { $0.isInterrupted = true } }
    func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        state.withLock { $0.events = events }
    }
}
