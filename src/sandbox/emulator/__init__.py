"""The AWS emulator (MiniStack), patched where a deploy needs more of it.

    cloud             start, stop and state of the emulator
    configuration     its address, its engine, its environment, its account
    launcher          the emulator's own process
    patches           every change to the emulator, each with its reason
    access            the changes that decide who may do what
    logs              what an invocation leaves in CloudWatch Logs
    recording         a record of every request, for the tests that compare it with a policy

Image functions run as on Lambda: each container has a Runtime API, which its runtime polls, and the answers stream.

    Function URL (function_url) -------------+-- relay: bytes as they come --+
    InvokeWithResponseStream (response_stream)                               +-- invocation -- runtime_api -- container
    Invoke, triggers (buffered) -------------+-- collected ------------------+                       (containers,
                                                                                                      environment)

Only this room uses private names of MiniStack. MiniStack has no types and reads its settings from the environment
when it is imported, so it is imported by name, in the functions that need it.
"""
