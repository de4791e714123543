package import MoedCore
import ServiceLifecycle

/// Runs a runner as a service of a group; its events go to the queue's side.
package struct RunnerService: Service {
    private let runner: any JobRunner
    private let inbox: Inbox

    package init(runner: any JobRunner, inbox: Inbox) {
        self.runner = runner
        self.inbox = inbox
    }

    package func run() async throws {
        // The service ends only at shutdown: the group treats an earlier end as a failure.
        await cancelWhenGracefulShutdown { [runner, inbox] in
            await runner.run { inbox.put(.runner($0)) }
        }
    }
}
