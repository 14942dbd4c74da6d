# shellcheck shell=bash disable=SC2154,SC2034 # names of guest.sh
# Networks under a stock kernel.  The guest's side is guest/net, whose facts are looked
# at here; both sides have the peer of peer.c.
#
# All of it happens in a network namespace of the scenario's own, which has 192.0.2.1 as
# an address that is not loopback, and a resolv.conf of its own.

peer=$top/build/guest/boot-tests/guest/peer
ns=

# The rest of the scenario needs namespaces: end it with a skip otherwise.
need_namespace() {
	ns=bantam-$$-$scenario_name
	if ! ip netns add "$ns" 2>/dev/null; then
		skip "$scenario_name" "network namespaces can only be made by root"
		exit 0
	fi
	# Before guest_cleanup(), which the shell calls at its end.
	trap 'guest_cleanup; net_cleanup' EXIT
	# The lab's kernel cannot load them by itself.
	modprobe -a dummy bridge tun 2>/dev/null
	inside ip link set lo up
	inside ip link add out0 type dummy
	inside ip addr add 192.0.2.1/24 dev out0
	inside ip link set out0 up
	inside sh -c 'echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range'
	echo 'nameserver 127.0.0.1' >resolv.conf
	plain_bantam=$bantam
	bantam=$scenario_dir/bantam-inside
	cat >"$bantam" <<-END
	#!/bin/sh
	exec nsenter --net=/run/netns/$ns unshare -m sh -c '
		mount --bind "$scenario_dir/resolv.conf" /etc/resolv.conf || exit 125
		exec \$AS "\$0" "\$@"' "$plain_bantam" "\$@"
	END
	chmod +x "$bantam"
	export AS='' XDG_RUNTIME_DIR=$scenario_dir/run
	mkdir -m 700 "$XDG_RUNTIME_DIR"
}

inside() {
	nsenter --net="/run/netns/$ns" "$@"
}

# In the background, without a word at its end.
start_inside() {
	nsenter --net="/run/netns/$ns" "$@" 2>>peer.log &
	disown
}

net_cleanup() {
	local pid

	for pid in $(ip netns pids "$ns"); do
		kill -KILL "$pid" 2>/dev/null
	done
	ip netns del "$ns"
}

# serve PORT: a peer inside, and wait until it is there.
serve() {
	local i

	start_inside "$peer" serve "$1"
	for ((i = 0; i < 50; i++)); do
		[ "$(inside "$peer" connect 127.0.0.1 "$1")" != connected ] || return 0
		sleep 0.1
	done
	not_ok "$scenario_name" "expected the peer to listen on $1, got $(cat peer.log)"
	exit 0
}

# net_run KERNEL JOBS FLAGS...: a guest that does the jobs of guest/net.
net_run() {
	boot_run "$1" -a quiet -a bantam.run=/guest/net -a "t.net=$2" "${@:3}"
}

net_start() {
	guest_start -k "$1" "${initrds[@]}" -a quiet -a bantam.run=/guest/net -a "t.net=$2" "${@:3}"
}

# member NAME: of the first event that has it.
member() {
	sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" events | head -n 1
}

# ---- the user network, outwards ------------------------------------------------------

scenario_net_user() {
	local mib=8 many=200 row=1000 flood_ms=5000

	need_namespace
	guard=(--timeout 600s)
	if [ -n "${LONG:-}" ]; then
		mib=256 flood_ms=30000
		guard=(--timeout 1500s)
	fi
	serve 7
	start_inside "$peer" dns 127.0.0.1
	mkdir web
	head -c "${mib}M" /dev/urandom >web/file
	start_inside busybox httpd -f -p 192.0.2.1:8000 -h web
	net_run "$cloud" card,dhcp,names,ping,ping_host,rtt,closed,wget,get,put,turn,many,row,flood,ping \
		-a bantam.net=off -a t.host=192.0.2.1 -a t.port=7 -a t.web=8000 -a "t.mib=$mib" \
		-a "t.many=$many" -a "t.row=$row" -a "t.flood_ms=$flood_ms" -n user \
		--net-dump frames.pcap --stats
	is guest_on_a_user_network_ends_with_status_0 '0 yes' "$status $(fact through)"
	is network_card_is_virtios 'virtio_net 1500' "$(fact driver) $(fact mtu)"
	is dhcp_client_gets_an_address '0 10.0.2.15/24' "$(fact dhcp) $(fact address)"
	is dhcp_client_is_told_of_router_and_resolver '10.0.2.2 10.0.2.3' \
		"$(fact router) $(fact resolver)"
	is names_are_found_over_udp 192.0.2.7 "$(fact name_udp)"
	is names_are_found_over_tcp 192.0.2.7 "$(fact name_tcp)"
	is unknown_names_are_unknown 'error 3' "$(fact name_unknown)"
	is names_are_found_by_a_stub_resolver 192.0.2.7 "$(fact name_nslookup)"
	is router_answers_pings 3 "$(fact ping_router)"
	is hosts_beyond_answer_pings 3 "$(fact ping_host)"
	is closed_port_refuses refused "$(fact closed)"
	is web_servers_file_arrives_whole "$(sha256sum <web/file | cut -d ' ' -f 1)" "$(fact wget)"
	is guest_reads_what_the_host_sends "$((mib << 20)) good" "$(fact get)"
	is host_reads_what_the_guest_sends "$((mib << 20)) good" "$(fact put)"
	is half_closed_connection_carries_the_rest '3000000 good' "$(fact turn)"
	is many_connections_work_at_once "$many" "$(fact many)"
	is many_connections_work_in_a_row "$row" "$(fact row)"
	is network_survives_a_flood '100000 good' "$(fact after_flood)"
	between flood_arrives_at_the_host 1 1000000000 "$(fact flood | cut -d ' ' -f 2)"
	is lease_is_an_event "10.0.2.15 $(fact mac)" "$(member address) $(member mac)"
	has guest_that_has_its_address_is_ready events '"event":"ready","address":"10\.0\.2\.15"\}$'
	is record_of_frames_is_a_pcap_file 4d3cb2a1 "$(od -A n -t x1 -N 4 frames.pcap | tr -d ' ')"
	has stats_tell_of_the_card stderr '^stats:   pair 0: sent [1-9][0-9]* frames'
	has stats_tell_of_the_user_network stderr '^stats: net0 user: flows [1-9]'
}

# ---- what is kept, and what is not -----------------------------------------------------

# Of the guest's process.
open_files() {
	find "/proc/$guest_pid/fd" -mindepth 1 2>/dev/null | wc -l
}

# All that it allocated: there is one arena.
heap_kib() {
	awk '/\[heap\]/ { heap = 1 } heap && $1 == "Rss:" { print $2; exit }' "/proc/$guest_pid/smaps"
}

scenario_net_leaks() {
	local before after i heap_before_kib

	need_namespace
	serve 7
	net_start "$cloud" dhcp,shell -a bantam.net=off -a t.mib=0 -n user
	hear 'job shell'
	ask '/guest/peer row 192.0.2.1 7 20 1000 >/dev/null; /guest/peer many 192.0.2.1 7 200 1000'
	is first_connections_work 200 "$answer"
	before=$(open_files) heap_before_kib=$(heap_kib)
	ask '/guest/peer row 192.0.2.1 7 1000 1000'
	is thousand_connections_work 1000 "$answer"
	ask 'for i in 1 2 3 4 5; do /guest/peer many 192.0.2.1 7 200 1000; done | tail -n 1'
	is another_thousand_works 200 "$answer"
	# Those that were closed last are still remembered for a moment.
	for ((i = 0; i < 60; i++)); do
		after=$(open_files)
		[ "$after" -gt "$before" ] || break
		sleep 1
	done
	between connections_leave_no_open_files 1 "$before" "$after"
	# A table that grew once to 200 may stay.
	between connections_leave_no_memory_kib -4096 512 $(($(heap_kib) - heap_before_kib))
	say exit
	guest_wait
	is guest_with_connections_ends_with_status_0 0 "$status"
}

# ---- the user network, inwards -----------------------------------------------------------

scenario_net_published() {
	local tcp udp all

	need_namespace
	net_start "$cloud" init_address,serve -a t.mib=0 -n user -p 0:7 -p 0:7/udp -p 0.0.0.0:0:7 \
		--name published
	hear '^serving'
	mapfile -t ports < <(sed -n 's/.*"event":"port".*"host_port":\([0-9]*\).*/\1/p' events)
	tcp=${ports[0]} udp=${ports[1]} all=${ports[2]}
	is process_1_gets_an_address_by_itself '10.0.2.15/24 10.0.2.2 10.0.2.3' \
		"$(fact init_address) $(fact init_router) $(fact init_resolver)"
	has chosen_port_is_named_on_stderr stderr "^bantam: 127.0.0.1:$tcp is the guest's port 7/tcp"
	is published_port_takes_data '2000000 good' "$(inside "$peer" put 127.0.0.1 "$tcp" 2000000)"
	is published_port_gives_data '2000000 good' "$(inside "$peer" get 127.0.0.1 "$tcp" 2000000)"
	is published_port_half_closes '300000 good' "$(inside "$peer" turn 127.0.0.1 "$tcp" 300000)"
	is published_port_takes_many_at_once 100 "$(inside "$peer" many 127.0.0.1 "$tcp" 100 10000)"
	is port_is_published_on_loopback_only refused "$(inside "$peer" connect 192.0.2.1 "$tcp")"
	is port_is_published_where_it_was_said connected "$(inside "$peer" connect 192.0.2.1 "$all")"
	has published_udp_port_answers <(inside "$peer" rate 127.0.0.1 "$udp" 300 64) \
		'^[1-9][0-9]* [1-9][0-9]*$'
	# 18 bytes: the smallest frame there is.  The guest may lose what it cannot take.
	inside "$peer" rate 127.0.0.1 "$udp" "$([ -n "${LONG:-}" ] && echo 30000 || echo 5000)" 18 >flood
	between flood_arrives_at_the_guest 1 1000000000 "$(cut -d ' ' -f 2 <flood)"
	is guest_survives_a_flood '100000 good' "$(inside "$peer" get 127.0.0.1 "$tcp" 100000)"
	has lease_is_listed_while_the_guest_runs <("$bantam" net leases) \
		"^published +$guest_pid +net0 +$(member mac) +10\.0\.2\.15 "
	has published_port_that_is_taken_is_refused \
		<("$bantam" run -k "$cloud" -p "$tcp:7" 2>&1 </dev/null; echo "status $?") \
		"^bantam: --publish $tcp:7: .* in use"
	is refused_port_is_status_125 125 \
		"$("$bantam" run -k "$cloud" -p "$tcp:7" >/dev/null 2>&1 </dev/null; echo $?)"
	inside "$peer" quit 127.0.0.1 "$tcp"
	guest_wait
	is guest_that_was_asked_to_ends 0 "$status"
	is lease_ends_with_the_guest 1 "$("$bantam" net leases | wc -l)"
}

# A guest that is killed holds nothing any longer, and nobody says that it does.
scenario_net_killed() {
	local port

	need_namespace
	net_start "$cloud" init_address,serve -a t.mib=0 -n user -p 0:7
	hear '^serving'
	port=$(member host_port)
	is lease_is_listed 2 "$("$bantam" net leases | wc -l)"
	kill -KILL "$guest_pid"
	wait "$guest_pid" 2>/dev/null
	guest_pid=
	is killed_guests_lease_is_not_listed '[]' "$("$bantam" net leases --json)"
	is killed_guests_port_is_free refused "$(inside "$peer" connect 127.0.0.1 "$port")"
}

scenario_net_restart() {
	need_namespace
	serve 7
	net_start "$cloud" dhcp,get,reset -a bantam.net=off -a t.host=192.0.2.1 -a t.port=7 -a t.mib=1 \
		-n user --on-reboot restart
	wait_for events '"event":"reset"'
	serve 9
	guest_wait
	is guest_that_was_reset_in_traffic_ends_with_status_0 '0 1' "$status $(count_events reset)"
	is network_works_before_and_after_a_reset 2 \
		"$(tr -d '\r' <console | grep -c '^fact get 1048576 good')"
	is guest_is_ready_again_with_its_address_after_a_reset \
		'started lease ready reset started lease ready ended' \
		"$(name_events)"
}

# ---- where the guest may go -----------------------------------------------------------------

scenario_net_host_loopback() {
	need_namespace
	start_inside "$peer" dns 127.0.0.1
	serve 7
	net_run "$cloud" dhcp,forbidden -a bantam.net=off -a t.host=192.0.2.1 -a t.port=7 -a t.mib=0 -n user
	is hosts_loopback_is_not_reached refused "$(fact to_gateway)"
	is hosts_own_address_is_reached connected "$(fact to_host)"
	net_run "$cloud" dhcp,forbidden -a bantam.net=off -a t.host=192.0.2.1 -a t.port=7 -a t.mib=0 \
		-n user,host-loopback
	is hosts_loopback_is_reached_if_asked_for connected "$(fact to_gateway)"
}

scenario_net_restricted() {
	local port

	need_namespace
	start_inside "$peer" dns 127.0.0.1
	serve 9
	net_start "$cloud" dhcp,no_names,forbidden,serve -a bantam.net=off -a t.host=192.0.2.1 \
		-a t.port=9 -a t.mib=0 -n user,restrict -p 0:7
	hear '^serving'
	port=$(member host_port)
	is restricted_guest_gets_an_address 10.0.2.15/24 "$(fact address)"
	isnt restricted_guest_reaches_no_loopback connected "$(fact to_gateway)"
	isnt restricted_guest_reaches_no_host connected "$(fact to_host)"
	isnt restricted_guest_asks_for_no_names 192.0.2.7 "$(fact no_name)"
	is restricted_guest_is_reached '50000 good' "$(inside "$peer" get 127.0.0.1 "$port" 50000)"
	inside "$peer" quit 127.0.0.1 "$port"
	guest_wait
}

isnt() { # NAME UNWANTED GOT
	if [ -n "$3" ] && [ "$3" != "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "expected anything but '$2', got '$3'"
	fi
}

# ---- guest to guest ---------------------------------------------------------------------------

scenario_net_named() {
	local mib=4

	need_namespace
	[ -z "${LONG:-}" ] || mib=256
	# The one that serves, with files of its own.
	mkdir other
	(
		cd other || exit 1
		net_run "$cloud" address,serve -a bantam.net=off -a t.mib=0 -a t.address=10.9.0.1/24 \
			-n network=lab
		echo "$status" >status
	) &
	wait_for other/console '^serving'
	net_run "$cloud" address,ping_host,get,put,turn,many,quit -a bantam.net=off -a t.host=10.9.0.1 \
		-a t.port=7 -a t.address=10.9.0.2/24 -a "t.mib=$mib" -a t.many=50 -n network=lab
	wait_for other/status .
	is guests_of_one_network_ping_each_other 3 "$(fact ping_host)"
	is guest_reads_what_a_guest_sends "$((mib << 20)) good" "$(fact get)"
	is guest_sends_what_a_guest_reads "$((mib << 20)) good" "$(fact put)"
	is guests_half_close '3000000 good' "$(fact turn)"
	is guests_have_many_connections 50 "$(fact many)"
	is both_guests_end_with_status_0 '0 0' "$status $(cat other/status)"
}

# What the guest at the shell gets of the host's web server: its sum.
fetch() {
	ask 'wget -q -O - http://192.0.2.1:8000/file | sha256sum | cut -d " " -f 1'
}

# The same network, with a way out.  The guest that serves is killed in the end.
scenario_net_named_nat() {
	local sum other_pid other own router

	need_namespace
	start_inside "$peer" dns 127.0.0.1
	mkdir other web
	head -c 3M /dev/urandom >web/file
	sum=$(sha256sum <web/file | cut -d ' ' -f 1)
	start_inside busybox httpd -f -p 192.0.2.1:8000 -h web
	(
		cd other || exit 1
		exec "$bantam" run "${guard[@]}" --events events -k "$cloud" "${initrds[@]}" -a quiet \
			-a bantam.run=/guest/net -a t.net=dhcp,serve -a bantam.net=off -a t.mib=0 \
			--name first -n network=lan,nat </dev/null >console 2>stderr
	) &
	other_pid=$!
	disown
	wait_for other/console '^serving'
	net_start "$cloud" dhcp,shell -a bantam.net=off -a t.mib=0 --name second -n network=lan,nat
	hear 'job shell'
	other=$(cd other && fact address) own=$(fact address) router=$(fact router)
	has first_guest_gets_an_address <(echo "$other") '^10\.0\.[0-9]+\.[0-9]+/24$'
	is second_guest_gets_one_of_the_same_network "${other%.*}" "${own%.*}"
	isnt guests_have_different_addresses "$other" "$own"
	is second_guests_lease_is_its_own_event "${own%/24}" "$(member address)"
	has leases_of_both_are_listed <("$bantam" net leases | tr '\n' ' ') \
		"first .* ${other%/24} .*second .* ${own%/24} "
	ask "ping -c 3 -W 5 ${other%/24} | grep -c ' bytes from'"
	is guests_with_a_nat_ping_each_other 3 "$answer"
	ask "/guest/peer get ${other%/24} 7 1000000"
	is guests_with_a_nat_reach_each_other '1000000 good' "$answer"
	ask "ping -c 3 -W 5 $router | grep -c ' bytes from'"
	is shared_router_answers_pings 3 "$answer"
	ask "/guest/peer resolve udp $(fact resolver) www.test"
	is second_guest_finds_names 192.0.2.7 "$answer"
	fetch
	is second_guest_fetches_a_file "$sum" "$answer"
	is guest_that_says_otherwise_is_refused \
		$'bantam: --net network=lan: it runs with a NAT; say nat=on, or use another name\n125' \
		"$("$bantam" run -k "$cloud" -n network=lan 2>&1 </dev/null; echo $?)"
	kill -KILL "$other_pid"
	fetch
	is guest_reaches_out_after_the_server_was_killed "$sum" "$answer"
	ask "/guest/peer resolve udp $(fact resolver) www.test"
	is guest_finds_names_after_the_server_was_killed 192.0.2.7 "$answer"
	ask 'udhcpc -i eth0 -n -q -t 10 -T 1 2>&1 | grep -c "lease of '"${own%/24}"' obtained"'
	is guest_gets_the_same_address_again 1 "$answer"
	is only_the_living_guest_has_a_lease 2 "$("$bantam" net leases | wc -l)"
	say exit
	guest_wait
	is guest_that_took_over_ends_with_status_0 0 "$status"
}

# ---- taps ------------------------------------------------------------------------------------------

scenario_net_tap() {
	local mib=8

	need_namespace
	[ -z "${LONG:-}" ] || mib=256
	if ! inside ip link add br0 type bridge || ! inside ip tuntap add dev tap7 mode tap multi_queue; then
		skip net_tap "this kernel has no bridges or taps"
		return
	fi
	inside ip addr add 10.8.0.1/24 dev br0
	inside ip link set br0 up
	serve 7
	net_run "$cloud" address,card,ping_host,get,put,many,flood -a bantam.net=off -a t.host=10.8.0.1 \
		-a t.port=7 -a t.address=10.8.0.2/24 -a "t.mib=$mib" -a t.many=100 -a t.flood_ms=3000 \
		-n bridge=br0,mac=52:54:00:00:00:07
	is guest_on_a_bridge_ends_with_status_0 0 "$status"
	is mac_is_as_asked 52:54:00:00:00:07 "$(fact mac)"
	is guest_on_a_bridge_pings 3 "$(fact ping_host)"
	is guest_reads_over_a_bridge "$((mib << 20)) good" "$(fact get)"
	is guest_writes_over_a_bridge "$((mib << 20)) good" "$(fact put)"
	is guest_on_a_bridge_has_many_connections 100 "$(fact many)"
	is guest_on_a_bridge_survives_a_flood '100000 good' "$(fact after_flood)"
	is tap_that_was_made_is_gone 0 "$(inside ip -o link show master br0 | wc -l)"

	inside ip link set tap7 master br0 up
	net_run "$cloud" address,card,get,put,many -c 2 -a bantam.net=off -a t.host=10.8.0.1 -a t.port=7 \
		-a t.address=10.8.0.3/24 -a "t.mib=$mib" -a t.many=100 -n tap=tap7,queues=2 --stats
	is guest_on_a_tap_ends_with_status_0 0 "$status"
	is two_queue_pairs_are_two 2 "$(fact queues)"
	is guest_reads_over_a_tap "$((mib << 20)) good" "$(fact get)"
	is guest_writes_over_a_tap "$((mib << 20)) good" "$(fact put)"
	is guest_on_a_tap_has_many_connections 100 "$(fact many)"
	has second_pair_is_used stderr '^stats:   pair 1: sent [0-9]+ frames.*received [0-9]+ frames'
	is tap_that_was_there_stays 1 "$(inside ip -o link show tap7 | wc -l)"
}

# ---- a bad cable ---------------------------------------------------------------------------------------

scenario_net_bad_cable() {
	need_namespace
	serve 7
	guard=(--timeout 400s)
	net_run "$cloud" dhcp,get,put,turn -a bantam.net=off -a t.host=192.0.2.1 -a t.port=7 -a t.mib=2 \
		-n user,drop=1%,duplicate=1%,corrupt=1%,seed=7 --stats
	has bad_cable_is_in_the_stats stderr \
		'^stats: net0 faults, to the guest: lost [1-9][0-9]*, doubled [1-9][0-9]*, damaged [1-9]'
	is bad_cable_loses_no_data_for_the_guest '2097152 good' "$(fact get)"
	is bad_cable_loses_no_data_of_the_guest '2097152 good' "$(fact put)"
	is bad_cable_half_closes '3000000 good' "$(fact turn)"
	net_run "$cloud" dhcp,rtt -a bantam.net=off -a t.host=192.0.2.1 -a t.port=7 -a t.mib=0 \
		-n user,delay=20ms
	# There and back.
	between delay_is_in_the_round_trip_ns 40000000 2000000000 "$(fact rtt | cut -d ' ' -f 2)"
}
