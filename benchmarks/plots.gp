# gnuplot -c plots.gp SERIES PLOTS: draws the tables in the folder SERIES, as scripts/benchmarks.sh leaves them, to SVG files
# in the folder PLOTS. Rows are drawn from the top down; the bar through a point is its spread. The colours are those of a
# light page; plots.css replaces each of them on a dark one.

series = ARG1.'/'
plots = ARG2.'/'

set encoding utf8
set datafile separator "\t"
set border 1 linecolor '#606060'
set tics nomirror out scale 0.5
set grid xtics ytics linecolor '#e4e4e4' linewidth 1 linetype 1
set bars 0

ours = 0x0072b2
least = 0x009e73
other = 0xd55e00

rows(file) = int(system(sprintf("wc -l < '%s%s'", series, file)))
number(x) = x < 10 ? sprintf('%.1f', x) : sprintf('%.0f', x)
duration(ns) = ns < 999.5 ? number(ns).' ns' : ns < 999.5e3 ? number(ns / 1e3).' µs' : ns < 999.5e6 ? number(ns / 1e6).' ms' : number(ns / 1e9).' s'
low(x, spread) = x / (1 + spread / 2)
high(x, spread) = x * (1 + spread / 2)
begin(name, width, height) = sprintf("set terminal svg size %d,%d dynamic enhanced font 'DejaVu Sans,Helvetica,Arial,sans-serif,13' background '#ffffff'; set output '%s%s.svg'", width, height, plots, name)
headline(text) = sprintf("title \"%s\" font ',16'", text)

# Axes of time in ns, whose ticks say their unit.
set_times = "set logscale x; set format x ''; set xtics ('1 ns' 1, '10 ns' 10, '100 ns' 100, '1 µs' 1e3, '10 µs' 1e4, '100 µs' 1e5, '1 ms' 1e6, '10 ms' 1e7, '100 ms' 1e8, '1 s' 1e9, '10 s' 1e10, '100 s' 1e11)"
# The names of rows stand left of the first panel, for all panels.
names_on = "set ytics autofreq format '% h' noenhanced"
names_off = "set ytics -100,1,0 format ''"

# A panel of rows: points, their spread, and their figures above them.
panel(file, names, colour) = sprintf("set yrange [0.5 - rows('%s'):0.9]; plot '%s%s' using 2:(-$0):(low($2, $3)):(high($2, $3)):(%s(strcol(1)))%s with xerrorbars pointtype 7 pointsize 0.9 linewidth 2 linecolor rgb variable notitle, '' using 2:(-$0):(duration($2)) with labels offset 0,0.75 font ',11' notitle", file, series, file, colour, names)
named(file, colour) = panel(file, ':yticlabels(1)', colour)
unnamed(file, colour) = panel(file, '', colour)

eval set_times
eval names_on

# hit: what a hit costs in each table.
of_tables(name) = strstrt(name, 'memo') == 1 ? ours : strstrt(name, 'limit') == 1 || strstrt(name, 'hash') == 1 ? least : other
eval begin('hit', 1000, 520)
eval 'set multiplot layout 1,2 margins 0.33,0.97,0.09,0.83 spacing 0.04,0 '.headline('A hit of f(int), one thread: CPU time')
set offsets graph 0.06, graph 0.06, 0, 0
set xrange [*:*]
set title '1000 entries' font ',13'
eval named('hit_small.tsv', 'of_tables')
set title '1 000 000 entries'
eval names_off
eval unnamed('hit_large.tsv', 'of_tables')
unset multiplot
eval names_on

# key_cost: what the key of a call costs by kind of argument.
eval begin('key_cost', 1000, 540)
eval 'set '.headline('The key of a call, by kind of argument: CPU time').' offset 0,1.2'
set tmargin 5
set lmargin at screen 0.25
set rmargin at screen 0.97
set key at graph 1,1.07 right vertical maxrows 1 samplen 1
set yrange [0.5 - rows('key_memo.tsv'):0.9]
plot series.'key_bytes.tsv' using 2:(-$0):(low($2, $3)):(high($2, $3)):yticlabels(1) with xerrorbars pointtype 7 pointsize 0.9 linewidth 2 linecolor rgb least title 'XXH3-128 of the same bytes', \
     series.'key_memo.tsv' using 2:(-$0):(low($2, $3)):(high($2, $3)) with xerrorbars pointtype 5 pointsize 0.9 linewidth 2 linecolor rgb ours title 'memo', \
     series.'key_obvious.tsv' using 2:(-$0):(low($2, $3)):(high($2, $3)) with xerrorbars pointtype 9 pointsize 1.1 linewidth 2 linecolor rgb other title 'stringstream, cereal, hash'
unset key
unset lmargin
unset rmargin
unset tmargin

# backends: what a call costs over each; one axis for all panels.
of_backends(name) = name eq 'none: computed' ? other : ours
eval begin('backends', 1100, 540)
eval 'set multiplot layout 1,3 margins 0.21,0.98,0.08,0.83 spacing 0.02,0 '.headline('A call that returns a string of 100 B, over each backend: wall time')
set offsets 0, 0, 0, 0
set xrange [20:2e6]
set title 'hit' font ',13' offset 0,0
eval named('backends_hit.tsv', 'of_backends')
eval names_off
set title 'hit, 64 at once by many, for each'
eval unnamed('backends_many.tsv', 'of_backends')
set title 'miss and store'
eval unnamed('backends_miss.tsv', 'of_backends')
unset multiplot
eval names_on

# wall_time: a whole job.
of_job(name) = name eq 'no cache' ? other : ours
eval begin('wall_time', 1000, 340)
eval 'set '.headline('Exact Shapley values of groups of digits, the whole job: wall time').' offset 0,0.5'
set lmargin at screen 0.18
set rmargin at screen 0.94
set offsets graph 0.08, graph 0.08, 0, 0
set xrange [*:*]
set yrange [0.5 - rows('wall_time.tsv'):0.9]
plot series.'wall_time.tsv' using 2:(-$0):(low($2, $3)):(high($2, $3)):(of_job(strcol(1))):yticlabels(1) with xerrorbars pointtype 7 pointsize 0.9 linewidth 2 linecolor rgb variable notitle, \
     '' using 2:(-$0):($0 == 0 ? duration($2) : sprintf('%s, %s times as fast', duration($2), number(1 / $4))) with labels offset 0,0.9 font ',11' notitle

# scaling: two threads that share one function.
unset logscale x
set xtics autofreq
set format x '%.1f'
eval begin('scaling', 1000, 320)
eval 'set '.headline('Two threads on one memoized function').' offset 0,1.2'
set tmargin 5
set lmargin at screen 0.25
set xlabel 'calls of two threads together, by those of one thread alone'
set offsets 0, 0, 0, 0
set xrange [0:2.2]
set yrange [0.5 - rows('scaling.tsv'):0.9]
set key at graph 1,1.12 right horizontal samplen 1
plot series.'scaling.tsv' using 2:(-$0):3:4:yticlabels(1) with xerrorbars pointtype 7 pointsize 0.9 linewidth 2 linecolor rgb ours title 'measured', \
     '' using 5:(-$0) with points pointtype '|' linecolor rgb other title 'goal', \
     '' using 2:(-$0):(sprintf('%.2f', $2)) with labels offset 0,0.9 font ',11' notitle

# eviction: what a cache of a tenth of the keys still serves.
eval begin('eviction', 1000, 380)
eval 'set '.headline('Share of hits when a tenth of the keys is kept').' offset 0,1.2'
set lmargin at screen 0.2
set xlabel 'share of the calls that are hits'
set xrange [0:1]
set yrange [-3.6:0.6]
set key at graph 1,1.1 right horizontal samplen 1
array tint[6] = [ours, 0x909090, 0xe69f00, least, 0xcc79a7, 0x303030]
array shape[6] = [7, 2, 1, 4, 6, 8]
plot series.'eviction.tsv' skip 1 using (-1):(-$0):yticlabels(1) with points pointtype -1 notitle, \
     for [k = 1:6] '' skip 1 using (column(k + 1)):(-$0 + (3.5 - k) * 0.1) with points pointtype shape[k] pointsize (k == 1 ? 1.2 : 0.9) linewidth 1.5 linecolor rgb tint[k] title word('memo LRU CLOCK SIEVE S3-FIFO W-TinyLFU', k)

# stopping: what the rules of a mean cost and hold.
array of_rule[7] = [0x909090, 0xe69f00, 0xcc79a7, other, ours, 0x303030, least]
array shape_of_rule[7] = [2, 1, 4, 8, 7, 6, 5]
rule(k) = system(sprintf("head -1 '%sstopping_samples.tsv' | cut -f %d", series, k + 1))
eval begin('stopping', 1000, 460)
unset title
unset tmargin
unset lmargin
unset rmargin
eval 'set multiplot layout 1,2 margins 0.22,0.82,0.13,0.83 spacing 0.04,0 '.headline('Stopping rules of a mean: what they cost and what they hold')
set yrange [-6.6:0.6]
set logscale x
set format x '10^{%L}'
set xtics autofreq
set xrange [1:1e5]
set title 'samples of a mean' font ',13' offset 0,0
set xlabel 'samples'
set key default
set key at screen 0.83, screen 0.8 left top vertical Left reverse samplen 1
plot series.'stopping_samples.tsv' skip 1 using (-1):(-$0):yticlabels(1) with points pointtype -1 notitle, \
     for [k = 1:7] '' skip 1 using (column(k + 1)):(-$0 + (4 - k) * 0.1) with points pointtype shape_of_rule[k] pointsize 0.8 linewidth 1.5 linecolor rgb of_rule[k] title rule(k)
unset logscale x
set format x '%.2g'
set title 'means within the tolerance'
set xlabel 'share of all means; the line is 0.95'
set xrange [0:1.02]
unset key
eval names_off
set arrow 1 from 0.95, graph 0 to 0.95, graph 1 nohead linecolor rgb '#606060' dashtype 2
plot for [k = 1:7] series.'stopping_held.tsv' skip 1 using (column(k + 1)):(-$0 + (4 - k) * 0.1) with points pointtype shape_of_rule[k] pointsize 0.8 linewidth 1.5 linecolor rgb of_rule[k] notitle
unset arrow 1
unset multiplot

# growth: operations by the number of entries, and their laws.
eval begin('growth', 1000, 440)
unset tmargin
unset lmargin
unset rmargin
unset title
eval 'set multiplot layout 1,2 margins 0.08,0.79,0.15,0.83 spacing 0.09,0 '.headline('Cost by the number of entries, and the law that it should follow')
set border 3
set logscale y
set xlabel 'entries'
set xtics 1
set format x '10^{%.0f}'
set key default
set key at screen 0.8, screen 0.8 left top vertical Left reverse samplen 2
set format y ''
set ytics autofreq
set ytics ('1 ns' 1, '2 ns' 2, '5 ns' 5, '10 ns' 10, '20 ns' 20, '50 ns' 50, '100 ns' 100, '200 ns' 200, '500 ns' 500, '1 µs' 1e3, '2 µs' 2e3, '5 µs' 5e3, '10 µs' 1e4, '20 µs' 2e4, '50 µs' 5e4, '100 µs' 1e5, '200 µs' 2e5)
curve(file, name, tint, type) = sprintf("'%sgrowth_%s.tsv' using 1:2:(low($2, $3)):(high($2, $3)) with yerrorlines pointtype %d linewidth 2 linecolor rgb %d title '%s', '' using 1:($2 / $4) with lines dashtype 2 linewidth 2 linecolor rgb %d notitle", series, file, type, tint, name, tint)
set title 'memory: CPU time' font ',13'
set xrange [2.8:7.2]
set yrange [1:2000]
eval 'plot '.curve('memory_hit', 'hit', ours, 7).', '.curve('memory_store', 'call that stores', other, 5).", keyentry with linespoints pointtype 9 linewidth 2 linecolor rgb least title 'first hits of a process', keyentry with lines dashtype 2 linewidth 2 linecolor '#606060' title 'the law of each'"
set title 'disk: wall time'
unset key
set xrange [3.8:7.2]
set yrange [50:2e5]
eval 'plot '.curve('disk_first', 'first hits', least, 9).', '.curve('disk_hit', 'hit', ours, 7).', '.curve('disk_put', 'put', other, 5)
unset multiplot
