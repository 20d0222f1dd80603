# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ctr_global_optspecs
    string join \n config= D/debug l/log-level= root= runroot= v/version help
end

function __fish_ctr_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ctr_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ctr_using_subcommand
    set -l cmd (__fish_ctr_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ctr -n "__fish_ctr_needs_command" -l config -d 'Location of client config files (default: "$DOCKER_CONFIG" or "~/.docker")' -r -F
complete -c ctr -n "__fish_ctr_needs_command" -s l -l log-level -d 'Set the logging level (default: info)' -r -f -a "debug\t''
info\t''
warn\t''
error\t''
fatal\t''"
complete -c ctr -n "__fish_ctr_needs_command" -l root -d 'Keep images, containers and volumes in this directory (default: "~/.local/share/ctr", "/var/lib/ctr" for root)' -r -F
complete -c ctr -n "__fish_ctr_needs_command" -l runroot -d 'Keep sockets and process ids in this directory (default: "$XDG_RUNTIME_DIR/ctr", "/run/ctr" for root)' -r -F
complete -c ctr -n "__fish_ctr_needs_command" -s D -l debug -d 'Show errors in full detail'
complete -c ctr -n "__fish_ctr_needs_command" -s v -l version -d 'Print version information and quit'
complete -c ctr -n "__fish_ctr_needs_command" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "run" -d 'Create and run a new container from an image'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "exec" -d 'Execute a command in a running container'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "ps" -d 'List containers'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "pull" -d 'Download an image from a registry'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "push" -d 'Upload an image to a registry'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "images" -d 'List images'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "version" -d 'Show the version information'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "info" -d 'Display system-wide information'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "create" -d 'Create a new container'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "history" -d 'Show the history of an image'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "import" -d 'Import the contents from a tarball to create a filesystem image'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "inspect" -d 'Return low-level information on containers, images and volumes'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "kill" -d 'Kill one or more running containers'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "load" -d 'Load an image from a tar archive or STDIN'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "login" -d 'Authenticate to a registry'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "logout" -d 'Log out from a registry'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "logs" -d 'Fetch the logs of a container'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "restart" -d 'Restart one or more containers'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "rm" -d 'Remove one or more containers'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "rmi" -d 'Remove one or more images'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "save" -d 'Save one or more images to a tar archive (streamed to STDOUT by default)'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "start" -d 'Start one or more stopped containers'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "stop" -d 'Stop one or more running containers'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "top" -d 'Display the running processes of a container'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "builder" -d 'Manage builds'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "buildx" -d 'Manage builds, by the name of Docker\'s plugin'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "container" -d 'Manage containers'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "image" -d 'Manage images'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "system" -d 'Manage ctr'
complete -c ctr -n "__fish_ctr_needs_command" -f -a "volume" -d 'Manage volumes'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l detach-keys -d 'Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cap-add -d 'Add Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand run" -l domainname -d 'Container NIS domain name, which is that of its host name in /etc/hosts, too' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s e -l env -d 'Set environment variables; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand run" -l expose -d 'Expose a port or a range of ports' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s h -l hostname -d 'Container host name (default: the short ID)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s l -l label -d 'Set meta data on a container' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l log-driver -d 'Logging driver for the container: json-file (default) or none' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l log-opt -d 'Log driver options: max-size, max-file; labels, labels-regex, env, env-regex and tag, which "logs --details" shows' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l mount -d 'Attach a filesystem mount: type=bind, volume or tmpfs, source=..., target=..., readonly' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l name -d 'Assign a name to the container (default: a made-up one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l device -d 'Add a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l network -l net -d 'Connect a container to a network: bridge, none, host, or container:NAME (default: bridge)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s p -l publish -d 'Publish a container\'s port(s) to the host' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l pull -d 'Pull image before running: always, missing, never' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l rootfs -d 'Use a directory as the root filesystem instead of an image; with :O, keep changes out of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l security-opt -d 'Security options: apparmor=, emulation=on|off (owners and users where there is one id), label=, no-new-privileges, seccomp=, systempaths=unconfined' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l stop-signal -d 'Signal to stop the container (default: the image\'s, else SIGTERM)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l stop-timeout -d 'Seconds to wait for it to stop before killing it (default: 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l sysctl -d 'Set kernel parameters of the container\'s namespaces: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l cpus -d 'Limit CPU time: as many CPUs\' worth, such as 1.5' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l memory-reservation -d 'Keep this much memory for the container while the machine is short of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l memory-swappiness -d 'Tune how readily memory is swapped out, 0 to 100 (cgroup version 1 only)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l pids-limit -d 'Limit the number of processes and threads; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l oom-score-adj -d 'Tune the host\'s preference for the out-of-memory killer (-1000 to 1000)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s u -l user -d 'Username or UID (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s v -l volume -d 'Bind mount a directory or a volume' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -s w -l workdir -d 'Working directory inside the container (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand run" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand run" -s d -l detach -d 'Run container in background and print container ID'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l sig-proxy -d 'Pass signals on to the process (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c ctr -n "__fish_ctr_using_subcommand run" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l privileged -d 'Give extended privileges to this container'
complete -c ctr -n "__fish_ctr_using_subcommand run" -s P -l publish-all -d 'Publish all exposed ports to random ports'
complete -c ctr -n "__fish_ctr_using_subcommand run" -s q -l quiet -d 'Suppress the pull output'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c ctr -n "__fish_ctr_using_subcommand run" -l rm -d 'Automatically remove the container and its anonymous volumes when it exits'
complete -c ctr -n "__fish_ctr_using_subcommand run" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c ctr -n "__fish_ctr_using_subcommand exec" -l detach-keys -d 'Override the key sequence for detaching from the command (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand exec" -s e -l env -d 'Set environment variables; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand exec" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand exec" -s u -l user -d 'Username or UID (default: the container\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand exec" -s w -l workdir -d 'Working directory inside the container (default: the container\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand exec" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand exec" -s d -l detach -d 'Run the command in the background'
complete -c ctr -n "__fish_ctr_using_subcommand exec" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c ctr -n "__fish_ctr_using_subcommand exec" -l privileged -d 'Give extended privileges to the command'
complete -c ctr -n "__fish_ctr_using_subcommand exec" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c ctr -n "__fish_ctr_using_subcommand ps" -s f -l filter -d 'Filter output based on conditions provided, e.g. name=web, status=exited, label=x' -r
complete -c ctr -n "__fish_ctr_using_subcommand ps" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand ps" -s n -l last -d 'Show the last created containers, in any state (default: -1, all)' -r
complete -c ctr -n "__fish_ctr_using_subcommand ps" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand ps" -s a -l all -d 'Show all containers (default: those that run)'
complete -c ctr -n "__fish_ctr_using_subcommand ps" -s l -l latest -d 'Show the latest created container, in any state'
complete -c ctr -n "__fish_ctr_using_subcommand ps" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand ps" -s q -l quiet -d 'Only display container IDs'
complete -c ctr -n "__fish_ctr_using_subcommand ps" -s s -l size -d 'Display total file sizes'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l allow -d 'Allow what the Dockerfile may not do by itself: network.host, security.insecure' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l annotation -d 'Add metadata to the image\'s manifest' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l arch -d 'Set the processor of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l attest -d 'Have a statement go along with the image: type=provenance, with the options of --provenance' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l build-arg -d 'Set values for ARGs; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l build-context -d 'Give a name to further files or an image, for COPY --from and FROM' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l build-arg-file -d 'Read values for ARGs from a file, a NAME=VALUE on each line' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand build" -l call -d 'Do something else with the Dockerfile: check it, show what a target can be given, or list the targets' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cache-from -d 'Use results that other machines have exported: an image\'s, a registry\'s, a directory\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cache-to -d 'Export results for --cache-from: inline (into the image), to a registry, to a directory. More options: mode=min|max, compression=gzip|zstd|uncompressed, compression-level=N, mounts=true (cache mounts go along), ignore-error=true' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cache-ttl -d 'Do not use results of earlier builds that are older' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l env -d 'Set environment variables of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -s f -l file -d 'Name or URL of the Dockerfile (default: "PATH/Dockerfile"); "-" for stdin' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l format -d 'Set the form of the image\'s manifest: oci or docker (default: $BUILDAH_FORMAT, else oci)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l ignorefile -d 'Read the rules about files that the build does not see from this file, and from no other' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand build" -l from -d 'Take another image than the first FROM says' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l iidfile -d 'Write the image ID to a file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand build" -l jobs -d 'Build at most this many stages at the same time (default: 32)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l label -d 'Set metadata for the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l logfile -d 'Write to a file what would go to stderr' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand build" -l manifest -d 'Add the image to a list of images for several platforms, which is made where it is missing' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l metadata-file -d 'Write what was built to a JSON file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand build" -l no-cache-filter -d 'Do not use results of earlier builds for these stages' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l os -d 'Set the operating system of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -s o -l output -d 'Say what becomes of the result: "type=local,dest=DIR" or DIR for its files, "type=tar[,dest=FILE]" or "-" for a tar of them, "type=oci|docker[,dest=FILE]" for an archive of the image, "type=image[,name=NAME,push=true]" (default), "type=cacheonly" for nothing' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l platform -d 'Set the platform of base images and of the result (default: this machine\'s); for several, the image is an index' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l progress -d 'Set the kind of progress output: auto, plain, tty, quiet (as -q), none, rawjson (BuildKit\'s, a JSON object per line)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l provenance -d 'Tell how the image was made, where it leaves (--push, -o type=oci|local|tar): true, false (default), or mode=min|max, version=v0.2|v1 (the first of each by default), builder-id=URL, reproducible=true, inline-only=true (--push alone)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l pull -d 'Ask registries for base images: always (also true, or --pull alone), missing (default; also false), newer, which makes do with what is here, or never' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l sbom -d 'Attest what is in the image: false (default); --attest type=sbom' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l secret -d 'Show a secret to RUN --mount=type=secret' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l ssh -d 'Show an agent\'s socket to RUN --mount=type=ssh, or that of one with these private keys, which have no passphrase' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -s t -l tag -d 'Name the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l target -d 'Build this stage (default: the last one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l timestamp -d 'Set the time of the build and the latest time of files, in seconds since 1970' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l unsetannotation -d 'Remove annotations of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l unsetenv -d 'Remove environment variables from the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l unsetlabel -d 'Remove labels of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l variant -d 'Set the variant of the processor, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cap-add -d 'Give RUN a capability more' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cap-drop -d 'Take a capability from RUN' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l device -d 'Give RUN a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l isolation -d 'Set how RUN is isolated (default: $BUILDAH_ISOLATION, else oci): oci (also auto, rootless) or chroot, which shares the host\'s processes, IPC, network and cgroup' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l network -d 'Set the network of RUN: default (also private, bridge), none, host, pasta, slirp4netns' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l security-opt -d 'Security options for RUN: seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, label=disable, emulation=off (owners and users are not emulated where there is one id)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l userns -d 'Set the user namespace of RUN: one of its own (default; also private, container, auto), or host, which differs for root alone' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -s v -l volume -d 'Mount a file or directory into every RUN; options: ro, O (changes are forgotten), z and what mounts have' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand build" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand build" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand build" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l all-platforms -d 'Build for all platforms that the base images are there for'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l check -d 'Check the Dockerfile and build nothing'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l debug -d 'Open a shell in a RUN that fails, with its files, mounts and environment'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l inherit-annotations -d 'Begin with the annotations of the base image\'s manifest'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l inherit-labels -d 'Begin with the labels of the base image (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l no-cache -d 'Do not use results of earlier builds'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l omit-history -d 'Leave the history out of the image'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l pull-always
complete -c ctr -n "__fish_ctr_using_subcommand build" -l pull-never
complete -c ctr -n "__fish_ctr_using_subcommand build" -l push -d 'Push the image to its registry, like --output type=registry'
complete -c ctr -n "__fish_ctr_using_subcommand build" -s q -l quiet -d 'Suppress progress and print the image ID'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l skip-unused-stages -d 'Leave out stages that the target does not need (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l squash -d 'Make one layer of those that the Dockerfile adds to the base image'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l squash-all -d 'Make one layer of all, those of the base image included'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l http-proxy -d 'Show RUN your own environment\'s proxy variables, as --build-arg does (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand build" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand pull" -s q -l quiet -d 'Suppress verbose output'
complete -c ctr -n "__fish_ctr_using_subcommand pull" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand push" -l compression-format -d 'Compress layers with "gzip" or "zstd", also those that came compressed otherwise (default: gzip, and as they came)' -r
complete -c ctr -n "__fish_ctr_using_subcommand push" -l compression-level -d 'Compress harder: 1 to 9 for gzip (default: 6), 1 to 22 for zstd (default: 3)' -r
complete -c ctr -n "__fish_ctr_using_subcommand push" -l digestfile -d 'Write the digest of what was pushed to a file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand push" -l platform -d 'Push the image of this platform only, as a single-platform image (default: all that are complete)' -r
complete -c ctr -n "__fish_ctr_using_subcommand push" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand push" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand push" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand push" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand push" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand push" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand push" -s a -l all-tags -d 'Push all tags of an image to the repository'
complete -c ctr -n "__fish_ctr_using_subcommand push" -s q -l quiet -d 'Suppress verbose output'
complete -c ctr -n "__fish_ctr_using_subcommand push" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand images" -s f -l filter -d 'Filter output based on conditions provided, e.g. dangling=true, label=x, reference=alpine*' -r
complete -c ctr -n "__fish_ctr_using_subcommand images" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand images" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand images" -s a -l all -d 'Show all images, too those that others are built on (default: hidden)'
complete -c ctr -n "__fish_ctr_using_subcommand images" -l digests -d 'Show digests'
complete -c ctr -n "__fish_ctr_using_subcommand images" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand images" -s q -l quiet -d 'Only show image IDs'
complete -c ctr -n "__fish_ctr_using_subcommand version" -s f -l format -d 'Format output using a Go template, or "json"' -r
complete -c ctr -n "__fish_ctr_using_subcommand version" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand info" -s f -l format -d 'Format output using a Go template, or "json"' -r
complete -c ctr -n "__fish_ctr_using_subcommand info" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand attach" -l detach-keys -d 'Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand attach" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand attach" -l no-stdin -d 'Do not attach STDIN'
complete -c ctr -n "__fish_ctr_using_subcommand attach" -l sig-proxy -d 'Pass signals on to the process (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand create" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cap-add -d 'Add Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand create" -l domainname -d 'Container NIS domain name, which is that of its host name in /etc/hosts, too' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s e -l env -d 'Set environment variables; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand create" -l expose -d 'Expose a port or a range of ports' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s h -l hostname -d 'Container host name (default: the short ID)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s l -l label -d 'Set meta data on a container' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l log-driver -d 'Logging driver for the container: json-file (default) or none' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l log-opt -d 'Log driver options: max-size, max-file; labels, labels-regex, env, env-regex and tag, which "logs --details" shows' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l mount -d 'Attach a filesystem mount: type=bind, volume or tmpfs, source=..., target=..., readonly' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l name -d 'Assign a name to the container (default: a made-up one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l device -d 'Add a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l network -l net -d 'Connect a container to a network: bridge, none, host, or container:NAME (default: bridge)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s p -l publish -d 'Publish a container\'s port(s) to the host' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l pull -d 'Pull image before running: always, missing, never' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l rootfs -d 'Use a directory as the root filesystem instead of an image; with :O, keep changes out of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l security-opt -d 'Security options: apparmor=, emulation=on|off (owners and users where there is one id), label=, no-new-privileges, seccomp=, systempaths=unconfined' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l stop-signal -d 'Signal to stop the container (default: the image\'s, else SIGTERM)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l stop-timeout -d 'Seconds to wait for it to stop before killing it (default: 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l sysctl -d 'Set kernel parameters of the container\'s namespaces: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l cpus -d 'Limit CPU time: as many CPUs\' worth, such as 1.5' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l memory-reservation -d 'Keep this much memory for the container while the machine is short of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l memory-swappiness -d 'Tune how readily memory is swapped out, 0 to 100 (cgroup version 1 only)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l pids-limit -d 'Limit the number of processes and threads; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l oom-score-adj -d 'Tune the host\'s preference for the out-of-memory killer (-1000 to 1000)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s u -l user -d 'Username or UID (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s v -l volume -d 'Bind mount a directory or a volume' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -s w -l workdir -d 'Working directory inside the container (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand create" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand create" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c ctr -n "__fish_ctr_using_subcommand create" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c ctr -n "__fish_ctr_using_subcommand create" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand create" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand create" -l privileged -d 'Give extended privileges to this container'
complete -c ctr -n "__fish_ctr_using_subcommand create" -s P -l publish-all -d 'Publish all exposed ports to random ports'
complete -c ctr -n "__fish_ctr_using_subcommand create" -s q -l quiet -d 'Suppress the pull output'
complete -c ctr -n "__fish_ctr_using_subcommand create" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c ctr -n "__fish_ctr_using_subcommand create" -l rm -d 'Automatically remove the container and its anonymous volumes when it exits'
complete -c ctr -n "__fish_ctr_using_subcommand create" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c ctr -n "__fish_ctr_using_subcommand history" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand history" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand history" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand history" -s H -l human -d 'Print sizes and dates in human readable format'
complete -c ctr -n "__fish_ctr_using_subcommand history" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand history" -s q -l quiet -d 'Only show image IDs'
complete -c ctr -n "__fish_ctr_using_subcommand import" -s c -l change -d 'Apply a Dockerfile instruction to the created image' -r
complete -c ctr -n "__fish_ctr_using_subcommand import" -s m -l message -d 'Set commit message for imported image' -r
complete -c ctr -n "__fish_ctr_using_subcommand import" -l platform -d 'Set the platform of the image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand import" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand inspect" -s f -l format -d 'Format output using a Go template, or "json" (default: indented JSON)' -r
complete -c ctr -n "__fish_ctr_using_subcommand inspect" -l type -d 'Only inspect objects of the given type: container, image, volume' -r
complete -c ctr -n "__fish_ctr_using_subcommand inspect" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand inspect" -s s -l size -d 'Display total file sizes if the type is container'
complete -c ctr -n "__fish_ctr_using_subcommand kill" -s s -l signal -d 'Signal to send to the container' -r
complete -c ctr -n "__fish_ctr_using_subcommand kill" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand load" -s i -l input -d 'Read from tar archive file, instead of STDIN' -r
complete -c ctr -n "__fish_ctr_using_subcommand load" -l platform -d 'Load only the image of this platform (default: all that are there)' -r
complete -c ctr -n "__fish_ctr_using_subcommand load" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand load" -s q -l quiet -d 'Suppress the load output'
complete -c ctr -n "__fish_ctr_using_subcommand login" -s p -l password -d 'Password or token' -r
complete -c ctr -n "__fish_ctr_using_subcommand login" -s u -l username -d 'Username' -r
complete -c ctr -n "__fish_ctr_using_subcommand login" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand login" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand login" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand login" -l get-login -d 'Print the name that one is logged in with'
complete -c ctr -n "__fish_ctr_using_subcommand login" -l password-stdin -d 'Take the password or token from stdin'
complete -c ctr -n "__fish_ctr_using_subcommand login" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand logout" -l authfile -d 'Forget what this file holds (default: Docker\'s, or that of $REGISTRY_AUTH_FILE)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand logout" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand logout" -s a -l all -d 'Log out from all registries'
complete -c ctr -n "__fish_ctr_using_subcommand logs" -l since -d 'Show logs since a time (2013-01-02T13:23:37Z) or for as long (42m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand logs" -s n -l tail -d 'Number of lines to show from the end of the logs' -r
complete -c ctr -n "__fish_ctr_using_subcommand logs" -l until -d 'Show logs before a time (2013-01-02T13:23:37Z) or until as long ago (42m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand logs" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand logs" -l details -d 'Show what --log-opt labels=, env= and tag= have every line say of the container'
complete -c ctr -n "__fish_ctr_using_subcommand logs" -s f -l follow -d 'Follow log output'
complete -c ctr -n "__fish_ctr_using_subcommand logs" -s t -l timestamps -d 'Show timestamps'
complete -c ctr -n "__fish_ctr_using_subcommand port" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand restart" -s s -l signal -d 'Signal to send to the container (default: its stop signal)' -r
complete -c ctr -n "__fish_ctr_using_subcommand restart" -s t -l timeout -d 'Seconds to wait before killing the container (default: its own, else 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand restart" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand rm" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand rm" -s f -l force -d 'Force the removal of a running container (uses SIGKILL)'
complete -c ctr -n "__fish_ctr_using_subcommand rm" -s v -l volumes -d 'Remove anonymous volumes associated with the container'
complete -c ctr -n "__fish_ctr_using_subcommand rmi" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand rmi" -s f -l force -d 'Force removal of the image'
complete -c ctr -n "__fish_ctr_using_subcommand save" -l format -d 'What to make: "docker-archive" (default), which every engine reads and is an OCI layout as well, "oci-archive", or "oci-dir", a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand save" -s o -l output -d 'Write to a file, instead of STDOUT' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand save" -l platform -d 'Save only the image of this platform (default: all that are complete)' -r
complete -c ctr -n "__fish_ctr_using_subcommand save" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand start" -l detach-keys -d 'Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand start" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand start" -s a -l attach -d 'Attach STDOUT/STDERR and forward signals'
complete -c ctr -n "__fish_ctr_using_subcommand start" -s i -l interactive -d 'Attach container\'s STDIN'
complete -c ctr -n "__fish_ctr_using_subcommand stop" -s s -l signal -d 'Signal to send to the container (default: its stop signal)' -r
complete -c ctr -n "__fish_ctr_using_subcommand stop" -s t -l timeout -d 'Seconds to wait before killing the container (default: its own, else 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand stop" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand tag" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand top" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand wait" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and not __fish_seen_subcommand_from build du prune" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and not __fish_seen_subcommand_from build du prune" -f -a "du" -d 'Show the disk usage of the build cache'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and not __fish_seen_subcommand_from build du prune" -f -a "prune" -d 'Remove build cache'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l allow -d 'Allow what the Dockerfile may not do by itself: network.host, security.insecure' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l annotation -d 'Add metadata to the image\'s manifest' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l arch -d 'Set the processor of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l attest -d 'Have a statement go along with the image: type=provenance, with the options of --provenance' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l build-arg -d 'Set values for ARGs; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l build-context -d 'Give a name to further files or an image, for COPY --from and FROM' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l build-arg-file -d 'Read values for ARGs from a file, a NAME=VALUE on each line' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l call -d 'Do something else with the Dockerfile: check it, show what a target can be given, or list the targets' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cache-from -d 'Use results that other machines have exported: an image\'s, a registry\'s, a directory\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cache-to -d 'Export results for --cache-from: inline (into the image), to a registry, to a directory. More options: mode=min|max, compression=gzip|zstd|uncompressed, compression-level=N, mounts=true (cache mounts go along), ignore-error=true' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cache-ttl -d 'Do not use results of earlier builds that are older' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l env -d 'Set environment variables of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -s f -l file -d 'Name or URL of the Dockerfile (default: "PATH/Dockerfile"); "-" for stdin' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l format -d 'Set the form of the image\'s manifest: oci or docker (default: $BUILDAH_FORMAT, else oci)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l ignorefile -d 'Read the rules about files that the build does not see from this file, and from no other' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l from -d 'Take another image than the first FROM says' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l iidfile -d 'Write the image ID to a file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l jobs -d 'Build at most this many stages at the same time (default: 32)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l label -d 'Set metadata for the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l logfile -d 'Write to a file what would go to stderr' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l manifest -d 'Add the image to a list of images for several platforms, which is made where it is missing' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l metadata-file -d 'Write what was built to a JSON file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l no-cache-filter -d 'Do not use results of earlier builds for these stages' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l os -d 'Set the operating system of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -s o -l output -d 'Say what becomes of the result: "type=local,dest=DIR" or DIR for its files, "type=tar[,dest=FILE]" or "-" for a tar of them, "type=oci|docker[,dest=FILE]" for an archive of the image, "type=image[,name=NAME,push=true]" (default), "type=cacheonly" for nothing' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l platform -d 'Set the platform of base images and of the result (default: this machine\'s); for several, the image is an index' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l progress -d 'Set the kind of progress output: auto, plain, tty, quiet (as -q), none, rawjson (BuildKit\'s, a JSON object per line)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l provenance -d 'Tell how the image was made, where it leaves (--push, -o type=oci|local|tar): true, false (default), or mode=min|max, version=v0.2|v1 (the first of each by default), builder-id=URL, reproducible=true, inline-only=true (--push alone)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l pull -d 'Ask registries for base images: always (also true, or --pull alone), missing (default; also false), newer, which makes do with what is here, or never' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l sbom -d 'Attest what is in the image: false (default); --attest type=sbom' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l secret -d 'Show a secret to RUN --mount=type=secret' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l ssh -d 'Show an agent\'s socket to RUN --mount=type=ssh, or that of one with these private keys, which have no passphrase' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -s t -l tag -d 'Name the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l target -d 'Build this stage (default: the last one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l timestamp -d 'Set the time of the build and the latest time of files, in seconds since 1970' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l unsetannotation -d 'Remove annotations of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l unsetenv -d 'Remove environment variables from the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l unsetlabel -d 'Remove labels of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l variant -d 'Set the variant of the processor, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cap-add -d 'Give RUN a capability more' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cap-drop -d 'Take a capability from RUN' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l device -d 'Give RUN a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l isolation -d 'Set how RUN is isolated (default: $BUILDAH_ISOLATION, else oci): oci (also auto, rootless) or chroot, which shares the host\'s processes, IPC, network and cgroup' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l network -d 'Set the network of RUN: default (also private, bridge), none, host, pasta, slirp4netns' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l security-opt -d 'Security options for RUN: seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, label=disable, emulation=off (owners and users are not emulated where there is one id)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l userns -d 'Set the user namespace of RUN: one of its own (default; also private, container, auto), or host, which differs for root alone' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -s v -l volume -d 'Mount a file or directory into every RUN; options: ro, O (changes are forgotten), z and what mounts have' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l all-platforms -d 'Build for all platforms that the base images are there for'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l check -d 'Check the Dockerfile and build nothing'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l debug -d 'Open a shell in a RUN that fails, with its files, mounts and environment'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l inherit-annotations -d 'Begin with the annotations of the base image\'s manifest'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l inherit-labels -d 'Begin with the labels of the base image (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l no-cache -d 'Do not use results of earlier builds'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l omit-history -d 'Leave the history out of the image'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l pull-always
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l pull-never
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l push -d 'Push the image to its registry, like --output type=registry'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Suppress progress and print the image ID'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l skip-unused-stages -d 'Leave out stages that the target does not need (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l squash -d 'Make one layer of those that the Dockerfile adds to the base image'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l squash-all -d 'Make one layer of all, those of the base image included'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l http-proxy -d 'Show RUN your own environment\'s proxy variables, as --build-arg does (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from build" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from du" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from du" -l filter -d 'Provide filter values, e.g. type=exec.cachemount, until=24h, id=ID' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from du" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from du" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from du" -l verbose -d 'Show everything that is known of each item'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values, e.g. until=24h, id=ID, type=exec.cachemount' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l keep-storage -d 'Amount of disk space to keep for the cache: an older name of --reserved-space' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l max-used-space -d 'Maximum amount of disk space for the cache' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l min-free-space -d 'Target amount of free disk space' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l reserved-space -d 'Amount of disk space that the cache always keeps' -r
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -s a -l all -d 'Also remove what images share and the hashes of files'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c ctr -n "__fish_ctr_using_subcommand builder; and __fish_seen_subcommand_from prune" -l verbose -d 'Show everything that is known of each item'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "du" -d 'Show the disk usage of the build cache'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "prune" -d 'Remove build cache'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "create" -d 'Give the builder another name, as scripts do that need one of their own'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "inspect" -d 'Show what is known of a builder'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "install" -d 'Have "build" mean "buildx build", which it does'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "ls" -d 'List builders'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "rm" -d 'Remove names of the builder; images and the build cache stay'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "stop" -d 'Stop a builder: there is nothing that runs between builds'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "use" -d 'Choose the builder that other commands are about'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and not __fish_seen_subcommand_from build du prune create inspect install ls rm stop use version" -f -a "version" -d 'Show the version of the buildx that these commands behave as'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l allow -d 'Allow what the Dockerfile may not do by itself: network.host, security.insecure' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l annotation -d 'Add metadata to the image\'s manifest' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l arch -d 'Set the processor of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l attest -d 'Have a statement go along with the image: type=provenance, with the options of --provenance' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l build-arg -d 'Set values for ARGs; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l build-context -d 'Give a name to further files or an image, for COPY --from and FROM' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l build-arg-file -d 'Read values for ARGs from a file, a NAME=VALUE on each line' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l call -d 'Do something else with the Dockerfile: check it, show what a target can be given, or list the targets' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cache-from -d 'Use results that other machines have exported: an image\'s, a registry\'s, a directory\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cache-to -d 'Export results for --cache-from: inline (into the image), to a registry, to a directory. More options: mode=min|max, compression=gzip|zstd|uncompressed, compression-level=N, mounts=true (cache mounts go along), ignore-error=true' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cache-ttl -d 'Do not use results of earlier builds that are older' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l env -d 'Set environment variables of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -s f -l file -d 'Name or URL of the Dockerfile (default: "PATH/Dockerfile"); "-" for stdin' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l format -d 'Set the form of the image\'s manifest: oci or docker (default: $BUILDAH_FORMAT, else oci)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l ignorefile -d 'Read the rules about files that the build does not see from this file, and from no other' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l from -d 'Take another image than the first FROM says' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l iidfile -d 'Write the image ID to a file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l jobs -d 'Build at most this many stages at the same time (default: 32)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l label -d 'Set metadata for the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l logfile -d 'Write to a file what would go to stderr' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l manifest -d 'Add the image to a list of images for several platforms, which is made where it is missing' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l metadata-file -d 'Write what was built to a JSON file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l no-cache-filter -d 'Do not use results of earlier builds for these stages' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l os -d 'Set the operating system of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -s o -l output -d 'Say what becomes of the result: "type=local,dest=DIR" or DIR for its files, "type=tar[,dest=FILE]" or "-" for a tar of them, "type=oci|docker[,dest=FILE]" for an archive of the image, "type=image[,name=NAME,push=true]" (default), "type=cacheonly" for nothing' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l platform -d 'Set the platform of base images and of the result (default: this machine\'s); for several, the image is an index' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l progress -d 'Set the kind of progress output: auto, plain, tty, quiet (as -q), none, rawjson (BuildKit\'s, a JSON object per line)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l provenance -d 'Tell how the image was made, where it leaves (--push, -o type=oci|local|tar): true, false (default), or mode=min|max, version=v0.2|v1 (the first of each by default), builder-id=URL, reproducible=true, inline-only=true (--push alone)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l pull -d 'Ask registries for base images: always (also true, or --pull alone), missing (default; also false), newer, which makes do with what is here, or never' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l sbom -d 'Attest what is in the image: false (default); --attest type=sbom' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l secret -d 'Show a secret to RUN --mount=type=secret' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l ssh -d 'Show an agent\'s socket to RUN --mount=type=ssh, or that of one with these private keys, which have no passphrase' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -s t -l tag -d 'Name the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l target -d 'Build this stage (default: the last one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l timestamp -d 'Set the time of the build and the latest time of files, in seconds since 1970' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l unsetannotation -d 'Remove annotations of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l unsetenv -d 'Remove environment variables from the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l unsetlabel -d 'Remove labels of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l variant -d 'Set the variant of the processor, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cap-add -d 'Give RUN a capability more' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cap-drop -d 'Take a capability from RUN' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l device -d 'Give RUN a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l isolation -d 'Set how RUN is isolated (default: $BUILDAH_ISOLATION, else oci): oci (also auto, rootless) or chroot, which shares the host\'s processes, IPC, network and cgroup' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l network -d 'Set the network of RUN: default (also private, bridge), none, host, pasta, slirp4netns' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l security-opt -d 'Security options for RUN: seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, label=disable, emulation=off (owners and users are not emulated where there is one id)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l userns -d 'Set the user namespace of RUN: one of its own (default; also private, container, auto), or host, which differs for root alone' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -s v -l volume -d 'Mount a file or directory into every RUN; options: ro, O (changes are forgotten), z and what mounts have' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l all-platforms -d 'Build for all platforms that the base images are there for'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l check -d 'Check the Dockerfile and build nothing'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l debug -d 'Open a shell in a RUN that fails, with its files, mounts and environment'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l inherit-annotations -d 'Begin with the annotations of the base image\'s manifest'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l inherit-labels -d 'Begin with the labels of the base image (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l no-cache -d 'Do not use results of earlier builds'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l omit-history -d 'Leave the history out of the image'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l pull-always
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l pull-never
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l push -d 'Push the image to its registry, like --output type=registry'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Suppress progress and print the image ID'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l skip-unused-stages -d 'Leave out stages that the target does not need (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l squash -d 'Make one layer of those that the Dockerfile adds to the base image'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l squash-all -d 'Make one layer of all, those of the base image included'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l http-proxy -d 'Show RUN your own environment\'s proxy variables, as --build-arg does (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from build" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from du" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from du" -l filter -d 'Provide filter values, e.g. type=exec.cachemount, until=24h, id=ID' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from du" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from du" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from du" -l verbose -d 'Show everything that is known of each item'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values, e.g. until=24h, id=ID, type=exec.cachemount' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l keep-storage -d 'Amount of disk space to keep for the cache: an older name of --reserved-space' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l max-used-space -d 'Maximum amount of disk space for the cache' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l min-free-space -d 'Target amount of free disk space' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l reserved-space -d 'Amount of disk space that the cache always keeps' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -s a -l all -d 'Also remove what images share and the hashes of files'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from prune" -l verbose -d 'Show everything that is known of each item'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l buildkitd-config -d 'Settings of BuildKit\'s daemon, which there is none of' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l buildkitd-flags -d 'Flags of BuildKit\'s daemon, which there is none of' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l driver -d 'The driver to be listed with: docker-container (default) or docker' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l driver-opt -d 'Options of the driver, which have no effect' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l name -d 'Name of the builder (default: a made-up one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l node -d 'Name of its node (default: NAME0)' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l platform -d 'Platforms to be listed with, which has no effect' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l bootstrap -d 'Be ready when this returns, as is always so'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from create" -l use -d 'Make it the current builder'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from inspect" -l builder -d 'Name of the builder' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from inspect" -l bootstrap -d 'Be ready when this returns, as is always so'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from install" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from ls" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Do not truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from rm" -l builder -d 'Name of the builder' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from rm" -l all-inactive -d 'Remove builders that do not run, which there are none of'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from stop" -l builder -d 'Name of the builder' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from stop" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from use" -l builder -d 'Name of the builder' -r
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from use" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand buildx; and __fish_seen_subcommand_from version" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "run" -d 'Create and run a new container from an image'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "exec" -d 'Execute a command in a running container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "ls" -d 'List containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "list" -d 'List containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "ps" -d 'List containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "attach" -d 'Attach local standard input, output, and error streams to a running container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "create" -d 'Create a new container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "kill" -d 'Kill one or more running containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "logs" -d 'Fetch the logs of a container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "port" -d 'List port mappings or a specific mapping for the container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "restart" -d 'Restart one or more containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "rm" -d 'Remove one or more containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "remove" -d 'Remove one or more containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "start" -d 'Start one or more stopped containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "stop" -d 'Stop one or more running containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "top" -d 'Display the running processes of a container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "wait" -d 'Block until one or more containers stop, then print their exit codes'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "inspect" -d 'Display detailed information on one or more containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and not __fish_seen_subcommand_from run exec ls list ps attach create kill logs port restart rm remove start stop top wait inspect prune" -f -a "prune" -d 'Remove all stopped containers'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l detach-keys -d 'Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cap-add -d 'Add Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l domainname -d 'Container NIS domain name, which is that of its host name in /etc/hosts, too' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s e -l env -d 'Set environment variables; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l expose -d 'Expose a port or a range of ports' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s h -l hostname -d 'Container host name (default: the short ID)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s l -l label -d 'Set meta data on a container' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l log-driver -d 'Logging driver for the container: json-file (default) or none' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l log-opt -d 'Log driver options: max-size, max-file; labels, labels-regex, env, env-regex and tag, which "logs --details" shows' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l mount -d 'Attach a filesystem mount: type=bind, volume or tmpfs, source=..., target=..., readonly' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l name -d 'Assign a name to the container (default: a made-up one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l device -d 'Add a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l network -l net -d 'Connect a container to a network: bridge, none, host, or container:NAME (default: bridge)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s p -l publish -d 'Publish a container\'s port(s) to the host' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l pull -d 'Pull image before running: always, missing, never' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l rootfs -d 'Use a directory as the root filesystem instead of an image; with :O, keep changes out of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l security-opt -d 'Security options: apparmor=, emulation=on|off (owners and users where there is one id), label=, no-new-privileges, seccomp=, systempaths=unconfined' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l stop-signal -d 'Signal to stop the container (default: the image\'s, else SIGTERM)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l stop-timeout -d 'Seconds to wait for it to stop before killing it (default: 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l sysctl -d 'Set kernel parameters of the container\'s namespaces: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l cpus -d 'Limit CPU time: as many CPUs\' worth, such as 1.5' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-reservation -d 'Keep this much memory for the container while the machine is short of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l memory-swappiness -d 'Tune how readily memory is swapped out, 0 to 100 (cgroup version 1 only)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l pids-limit -d 'Limit the number of processes and threads; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l oom-score-adj -d 'Tune the host\'s preference for the out-of-memory killer (-1000 to 1000)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s u -l user -d 'Username or UID (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s v -l volume -d 'Bind mount a directory or a volume' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s w -l workdir -d 'Working directory inside the container (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s d -l detach -d 'Run container in background and print container ID'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l sig-proxy -d 'Pass signals on to the process (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l privileged -d 'Give extended privileges to this container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s P -l publish-all -d 'Publish all exposed ports to random ports'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Suppress the pull output'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -l rm -d 'Automatically remove the container and its anonymous volumes when it exits'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -l detach-keys -d 'Override the key sequence for detaching from the command (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -s e -l env -d 'Set environment variables; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -s u -l user -d 'Username or UID (default: the container\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -s w -l workdir -d 'Working directory inside the container (default: the container\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -s d -l detach -d 'Run the command in the background'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -l privileged -d 'Give extended privileges to the command'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Filter output based on conditions provided, e.g. name=web, status=exited, label=x' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -s n -l last -d 'Show the last created containers, in any state (default: -1, all)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -s a -l all -d 'Show all containers (default: those that run)'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -s l -l latest -d 'Show the latest created container, in any state'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only display container IDs'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ls" -s s -l size -d 'Display total file sizes'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -s f -l filter -d 'Filter output based on conditions provided, e.g. name=web, status=exited, label=x' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -s n -l last -d 'Show the last created containers, in any state (default: -1, all)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -s a -l all -d 'Show all containers (default: those that run)'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -s l -l latest -d 'Show the latest created container, in any state'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only display container IDs'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from list" -s s -l size -d 'Display total file sizes'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -s f -l filter -d 'Filter output based on conditions provided, e.g. name=web, status=exited, label=x' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -s n -l last -d 'Show the last created containers, in any state (default: -1, all)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -s a -l all -d 'Show all containers (default: those that run)'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -s l -l latest -d 'Show the latest created container, in any state'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -s q -l quiet -d 'Only display container IDs'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from ps" -s s -l size -d 'Display total file sizes'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from attach" -l detach-keys -d 'Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from attach" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from attach" -l no-stdin -d 'Do not attach STDIN'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from attach" -l sig-proxy -d 'Pass signals on to the process (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s a -l attach -d 'Attach to STDIN, STDOUT or STDERR' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cap-add -d 'Add Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cap-drop -d 'Drop Linux capabilities' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cidfile -d 'Write the container ID to the file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l domainname -d 'Container NIS domain name, which is that of its host name in /etc/hosts, too' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l entrypoint -d 'Overwrite the default ENTRYPOINT of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s e -l env -d 'Set environment variables; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l env-file -d 'Read in a file of environment variables' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l expose -d 'Expose a port or a range of ports' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s h -l hostname -d 'Container host name (default: the short ID)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s l -l label -d 'Set meta data on a container' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l log-driver -d 'Logging driver for the container: json-file (default) or none' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l log-opt -d 'Log driver options: max-size, max-file; labels, labels-regex, env, env-regex and tag, which "logs --details" shows' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l mount -d 'Attach a filesystem mount: type=bind, volume or tmpfs, source=..., target=..., readonly' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l name -d 'Assign a name to the container (default: a made-up one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l device -d 'Add a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l network -l net -d 'Connect a container to a network: bridge, none, host, or container:NAME (default: bridge)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s p -l publish -d 'Publish a container\'s port(s) to the host' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l pull -d 'Pull image before running: always, missing, never' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l rootfs -d 'Use a directory as the root filesystem instead of an image; with :O, keep changes out of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l security-opt -d 'Security options: apparmor=, emulation=on|off (owners and users where there is one id), label=, no-new-privileges, seccomp=, systempaths=unconfined' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l stop-signal -d 'Signal to stop the container (default: the image\'s, else SIGTERM)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l stop-timeout -d 'Seconds to wait for it to stop before killing it (default: 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l sysctl -d 'Set kernel parameters of the container\'s namespaces: net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l tmpfs -d 'Mount a tmpfs directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l cpus -d 'Limit CPU time: as many CPUs\' worth, such as 1.5' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-reservation -d 'Keep this much memory for the container while the machine is short of it' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l memory-swappiness -d 'Tune how readily memory is swapped out, 0 to 100 (cgroup version 1 only)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l pids-limit -d 'Limit the number of processes and threads; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l oom-score-adj -d 'Tune the host\'s preference for the out-of-memory killer (-1000 to 1000)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s u -l user -d 'Username or UID (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s v -l volume -d 'Bind mount a directory or a volume' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s w -l workdir -d 'Working directory inside the container (default: the image\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l privileged -d 'Give extended privileges to this container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s P -l publish-all -d 'Publish all exposed ports to random ports'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Suppress the pull output'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -l rm -d 'Automatically remove the container and its anonymous volumes when it exits'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from kill" -s s -l signal -d 'Signal to send to the container' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from kill" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -l since -d 'Show logs since a time (2013-01-02T13:23:37Z) or for as long (42m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -s n -l tail -d 'Number of lines to show from the end of the logs' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -l until -d 'Show logs before a time (2013-01-02T13:23:37Z) or until as long ago (42m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -l details -d 'Show what --log-opt labels=, env= and tag= have every line say of the container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Follow log output'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -s t -l timestamps -d 'Show timestamps'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from port" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from restart" -s s -l signal -d 'Signal to send to the container (default: its stop signal)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from restart" -s t -l timeout -d 'Seconds to wait before killing the container (default: its own, else 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from restart" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from rm" -s f -l force -d 'Force the removal of a running container (uses SIGKILL)'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from rm" -s v -l volumes -d 'Remove anonymous volumes associated with the container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from remove" -s f -l force -d 'Force the removal of a running container (uses SIGKILL)'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from remove" -s v -l volumes -d 'Remove anonymous volumes associated with the container'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from start" -l detach-keys -d 'Override the key sequence for detaching a container (default: ctrl-p,ctrl-q)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from start" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from start" -s a -l attach -d 'Attach STDOUT/STDERR and forward signals'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from start" -s i -l interactive -d 'Attach container\'s STDIN'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from stop" -s s -l signal -d 'Signal to send to the container (default: its stop signal)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from stop" -s t -l timeout -d 'Seconds to wait before killing the container (default: its own, else 10; -1 waits forever)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from stop" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from top" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from wait" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Format output using a Go template, or "json" (default: indented JSON)' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from inspect" -s s -l size -d 'Display total file sizes'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values, e.g. until=24h, label=x, label!=y=z' -r
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "build" -d 'Build an image from a Dockerfile'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "pull" -d 'Download an image from a registry'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "push" -d 'Upload an image to a registry'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "ls" -d 'List images'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "list" -d 'List images'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "history" -d 'Show the history of an image'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "import" -d 'Import the contents from a tarball to create a filesystem image'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "load" -d 'Load an image from a tar archive or STDIN'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "rm" -d 'Remove one or more images'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "remove" -d 'Remove one or more images'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "save" -d 'Save one or more images to a tar archive (streamed to STDOUT by default)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "tag" -d 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "inspect" -d 'Display detailed information on one or more images'
complete -c ctr -n "__fish_ctr_using_subcommand image; and not __fish_seen_subcommand_from build pull push ls list history import load rm remove save tag inspect prune" -f -a "prune" -d 'Remove unused images'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l allow -d 'Allow what the Dockerfile may not do by itself: network.host, security.insecure' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l annotation -d 'Add metadata to the image\'s manifest' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l arch -d 'Set the processor of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l attest -d 'Have a statement go along with the image: type=provenance, with the options of --provenance' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l builder -d 'Name the builder: default, or what "buildx create" has made' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l build-arg -d 'Set values for ARGs; NAME alone takes the value from your own environment' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l build-context -d 'Give a name to further files or an image, for COPY --from and FROM' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l build-arg-file -d 'Read values for ARGs from a file, a NAME=VALUE on each line' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l call -d 'Do something else with the Dockerfile: check it, show what a target can be given, or list the targets' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cache-from -d 'Use results that other machines have exported: an image\'s, a registry\'s, a directory\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cache-to -d 'Export results for --cache-from: inline (into the image), to a registry, to a directory. More options: mode=min|max, compression=gzip|zstd|uncompressed, compression-level=N, mounts=true (cache mounts go along), ignore-error=true' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cache-ttl -d 'Do not use results of earlier builds that are older' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l env -d 'Set environment variables of the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -s f -l file -d 'Name or URL of the Dockerfile (default: "PATH/Dockerfile"); "-" for stdin' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l format -d 'Set the form of the image\'s manifest: oci or docker (default: $BUILDAH_FORMAT, else oci)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l ignorefile -d 'Read the rules about files that the build does not see from this file, and from no other' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l from -d 'Take another image than the first FROM says' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l iidfile -d 'Write the image ID to a file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l jobs -d 'Build at most this many stages at the same time (default: 32)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l label -d 'Set metadata for the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l logfile -d 'Write to a file what would go to stderr' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l manifest -d 'Add the image to a list of images for several platforms, which is made where it is missing' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l metadata-file -d 'Write what was built to a JSON file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l no-cache-filter -d 'Do not use results of earlier builds for these stages' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l os -d 'Set the operating system of base images and of the result, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -s o -l output -d 'Say what becomes of the result: "type=local,dest=DIR" or DIR for its files, "type=tar[,dest=FILE]" or "-" for a tar of them, "type=oci|docker[,dest=FILE]" for an archive of the image, "type=image[,name=NAME,push=true]" (default), "type=cacheonly" for nothing' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l platform -d 'Set the platform of base images and of the result (default: this machine\'s); for several, the image is an index' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l progress -d 'Set the kind of progress output: auto, plain, tty, quiet (as -q), none, rawjson (BuildKit\'s, a JSON object per line)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l provenance -d 'Tell how the image was made, where it leaves (--push, -o type=oci|local|tar): true, false (default), or mode=min|max, version=v0.2|v1 (the first of each by default), builder-id=URL, reproducible=true, inline-only=true (--push alone)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l pull -d 'Ask registries for base images: always (also true, or --pull alone), missing (default; also false), newer, which makes do with what is here, or never' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l sbom -d 'Attest what is in the image: false (default); --attest type=sbom' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l secret -d 'Show a secret to RUN --mount=type=secret' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l ssh -d 'Show an agent\'s socket to RUN --mount=type=ssh, or that of one with these private keys, which have no passphrase' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -s t -l tag -d 'Name the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l target -d 'Build this stage (default: the last one)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l timestamp -d 'Set the time of the build and the latest time of files, in seconds since 1970' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l unsetannotation -d 'Remove annotations of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l unsetenv -d 'Remove environment variables from the image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l unsetlabel -d 'Remove labels of the base image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l variant -d 'Set the variant of the processor, as --platform does' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cap-add -d 'Give RUN a capability more' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cap-drop -d 'Take a capability from RUN' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l device -d 'Give RUN a device of the host\'s, or the devices in a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l add-host -d 'Add a line to /etc/hosts; "host-gateway" is the address of this machine' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l dns -d 'Ask these DNS servers; "none" leaves /etc/resolv.conf as the image has it' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l dns-option -l dns-opt -d 'Set options of /etc/resolv.conf' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l dns-search -d 'Look for names in these domains, too; "." for none' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l isolation -d 'Set how RUN is isolated (default: $BUILDAH_ISOLATION, else oci): oci (also auto, rootless) or chroot, which shares the host\'s processes, IPC, network and cgroup' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l network -d 'Set the network of RUN: default (also private, bridge), none, host, pasta, slirp4netns' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l security-opt -d 'Security options for RUN: seccomp=FILE|unconfined, no-new-privileges, apparmor=PROFILE, label=disable, emulation=off (owners and users are not emulated where there is one id)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l shm-size -d 'Size of /dev/shm (default: 64m)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l userns -d 'Set the user namespace of RUN: one of its own (default; also private, container, auto), or host, which differs for root alone' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -s v -l volume -d 'Mount a file or directory into every RUN; options: ro, O (changes are forgotten), z and what mounts have' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cgroup-parent -d 'Put the container\'s cgroup below another: an absolute path, or a slice of systemd\'s' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cpu-period -d 'Limit CPU time: the length of a period' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cpu-quota -d 'Limit CPU time: how much of each period' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -s c -l cpu-shares -d 'Weigh CPU time against that of other containers (2 to 262144, default: 1024)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cpuset-cpus -d 'Use only these CPUs: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cpuset-mems -d 'Use only memory of these nodes: 0-3,5' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -s m -l memory -d 'Limit memory' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l memory-swap -d 'Limit memory and swap together (default: twice --memory); -1 for as much swap as there is' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l ulimit -d 'Limit a resource of each process: core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack; -1 for no limit' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l all-platforms -d 'Build for all platforms that the base images are there for'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l check -d 'Check the Dockerfile and build nothing'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l debug -d 'Open a shell in a RUN that fails, with its files, mounts and environment'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l inherit-annotations -d 'Begin with the annotations of the base image\'s manifest'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l inherit-labels -d 'Begin with the labels of the base image (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l no-cache -d 'Do not use results of earlier builds'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l omit-history -d 'Leave the history out of the image'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l pull-always
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l pull-never
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l push -d 'Push the image to its registry, like --output type=registry'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -s q -l quiet -d 'Suppress progress and print the image ID'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l skip-unused-stages -d 'Leave out stages that the target does not need (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l squash -d 'Make one layer of those that the Dockerfile adds to the base image'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l squash-all -d 'Make one layer of all, those of the base image included'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l no-hostname -d 'Leave /etc/hostname as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l no-hosts -d 'Leave /etc/hosts as the image has it'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l http-proxy -d 'Show RUN your own environment\'s proxy variables, as --build-arg does (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from build" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -s q -l quiet -d 'Suppress verbose output'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l compression-format -d 'Compress layers with "gzip" or "zstd", also those that came compressed otherwise (default: gzip, and as they came)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l compression-level -d 'Compress harder: 1 to 9 for gzip (default: 6), 1 to 22 for zstd (default: 3)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l digestfile -d 'Write the digest of what was pushed to a file' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l platform -d 'Push the image of this platform only, as a single-platform image (default: all that are complete)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l authfile -d 'Use the logins of this file alone (default: those of docker and podman, that of $REGISTRY_AUTH_FILE first)' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l cert-dir -d 'Trust the *.crt of this directory, and show registries its *.cert and *.key' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l creds -d 'Log in at registries with this name and password' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l retry -d 'Try again so often what fails on the way (default: 5)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l retry-delay -d 'Wait so long before trying again (default: longer from time to time)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -s a -l all-tags -d 'Push all tags of an image to the repository'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Suppress verbose output'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -l tls-verify -d 'Insist on HTTPS with a certificate that is trusted; false takes any, and HTTP (default: true)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Filter output based on conditions provided, e.g. dangling=true, label=x, reference=alpine*' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -s a -l all -d 'Show all images, too those that others are built on (default: hidden)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -l digests -d 'Show digests'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only show image IDs'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -s f -l filter -d 'Filter output based on conditions provided, e.g. dangling=true, label=x, reference=alpine*' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -s a -l all -d 'Show all images, too those that others are built on (default: hidden)'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -l digests -d 'Show digests'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only show image IDs'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from history" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from history" -l platform -d 'Choose the platform of a multi-platform image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from history" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from history" -s H -l human -d 'Print sizes and dates in human readable format'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from history" -l no-trunc -d 'Don\'t truncate output'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Only show image IDs'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from import" -s c -l change -d 'Apply a Dockerfile instruction to the created image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from import" -s m -l message -d 'Set commit message for imported image' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from import" -l platform -d 'Set the platform of the image (default: this machine\'s)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from import" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from load" -s i -l input -d 'Read from tar archive file, instead of STDIN' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from load" -l platform -d 'Load only the image of this platform (default: all that are there)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from load" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from load" -s q -l quiet -d 'Suppress the load output'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from rm" -s f -l force -d 'Force removal of the image'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from remove" -s f -l force -d 'Force removal of the image'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from save" -l format -d 'What to make: "docker-archive" (default), which every engine reads and is an OCI layout as well, "oci-archive", or "oci-dir", a directory' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from save" -s o -l output -d 'Write to a file, instead of STDOUT' -r -F
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from save" -l platform -d 'Save only the image of this platform (default: all that are complete)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from save" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from tag" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Format output using a Go template, or "json" (default: indented JSON)' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values, e.g. until=24h, label=x, label!=y=z' -r
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove all unused images, not just dangling ones'
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c ctr -n "__fish_ctr_using_subcommand system; and not __fish_seen_subcommand_from info check df prune" -f -a "info" -d 'Display system-wide information'
complete -c ctr -n "__fish_ctr_using_subcommand system; and not __fish_seen_subcommand_from info check df prune" -f -a "check" -d 'Check images and layers for damage'
complete -c ctr -n "__fish_ctr_using_subcommand system; and not __fish_seen_subcommand_from info check df prune" -f -a "df" -d 'Show disk usage'
complete -c ctr -n "__fish_ctr_using_subcommand system; and not __fish_seen_subcommand_from info check df prune" -f -a "prune" -d 'Remove unused data'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from info" -s f -l format -d 'Format output using a Go template, or "json"' -r
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from info" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from check" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from check" -l repair -d 'Remove what is damaged, so that the next pull brings it again'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from df" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from df" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from df" -s v -l verbose -d 'Show detailed information on space usage'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values, e.g. until=24h, label=x, label!=y=z' -r
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove all unused images, not just dangling ones'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c ctr -n "__fish_ctr_using_subcommand system; and __fish_seen_subcommand_from prune" -l volumes -d 'Prune anonymous volumes'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and not __fish_seen_subcommand_from create inspect ls list prune rm remove" -f -a "create" -d 'Create a volume'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and not __fish_seen_subcommand_from create inspect ls list prune rm remove" -f -a "inspect" -d 'Display detailed information on one or more volumes'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and not __fish_seen_subcommand_from create inspect ls list prune rm remove" -f -a "ls" -d 'List volumes'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and not __fish_seen_subcommand_from create inspect ls list prune rm remove" -f -a "list" -d 'List volumes'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and not __fish_seen_subcommand_from create inspect ls list prune rm remove" -f -a "prune" -d 'Remove unused local volumes'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and not __fish_seen_subcommand_from create inspect ls list prune rm remove" -f -a "rm" -d 'Remove one or more volumes'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and not __fish_seen_subcommand_from create inspect ls list prune rm remove" -f -a "remove" -d 'Remove one or more volumes'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from create" -s d -l driver -d 'Specify volume driver name: local' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from create" -l label -d 'Set meta data for a volume' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from create" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from inspect" -s f -l format -d 'Format output using a Go template, or "json" (default: indented JSON)' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from inspect" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from ls" -s f -l filter -d 'Provide filter values, e.g. dangling=true, name=x, label=y' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from ls" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from ls" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only display volume names'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from list" -s f -l filter -d 'Provide filter values, e.g. dangling=true, name=x, label=y' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from list" -l format -d 'Format output: table, "table TEMPLATE", json, or a Go template' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from list" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only display volume names'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from prune" -l filter -d 'Provide filter values, e.g. label=x, label!=y=z' -r
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from prune" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from prune" -s a -l all -d 'Remove all unused volumes, not just anonymous ones'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from prune" -s f -l force -d 'Do not prompt for confirmation'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from rm" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from rm" -s f -l force -d 'Succeed for volumes that do not exist'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from remove" -l help -d 'Print usage'
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from remove" -s f -l force -d 'Succeed for volumes that do not exist'

# Names come from the store: ctr __complete lists them.
complete -c ctr -n "__fish_ctr_using_subcommand run" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from run" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand exec" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from exec" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand pull" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from pull" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand push" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from push" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand images" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from ls" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from list" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand attach" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from attach" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand create" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from create" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand history" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from history" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand inspect" -f -a "(ctr __complete containers images volumes)"
complete -c ctr -n "__fish_ctr_using_subcommand kill" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from kill" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand logs" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from logs" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand port" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from port" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand restart" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from restart" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand rm" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from rm" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from remove" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand rmi" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from rm" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from remove" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand save" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from save" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand start" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from start" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand stop" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from stop" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand tag" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from tag" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand top" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from top" -f -a "(ctr __complete running)"
complete -c ctr -n "__fish_ctr_using_subcommand wait" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from wait" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand container; and __fish_seen_subcommand_from inspect" -f -a "(ctr __complete containers)"
complete -c ctr -n "__fish_ctr_using_subcommand image; and __fish_seen_subcommand_from inspect" -f -a "(ctr __complete images)"
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from inspect" -f -a "(ctr __complete volumes)"
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from rm" -f -a "(ctr __complete volumes)"
complete -c ctr -n "__fish_ctr_using_subcommand volume; and __fish_seen_subcommand_from remove" -f -a "(ctr __complete volumes)"
