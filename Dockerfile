# A node as an image. Debian, not Alpine: uWebSockets.js has no musl build.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run -s build \
 && npm prune --omit=dev --omit=optional --ignore-scripts \
 # One of some sixty binaries is loaded; the others are 250 MB.
 && find node_modules/uWebSockets.js -name 'uws_*.node' ! -name "uws_linux_$(node -p process.arch)_$(node -p process.versions.modules).node" -delete

FROM node:20-bookworm-slim
WORKDIR /app
# Metrics for a scraper in the same private network; only 8080 is for the world.
ENV NODE_ENV=production LIVEDROP_METRICS=0.0.0.0:9464
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist .
USER node
EXPOSE 8080 9464
HEALTHCHECK --interval=5s --timeout=2s CMD ["node", "-e", "require(process.env.LIVEDROP_TLS_CERT?'https':'http').get({port:process.env.LIVEDROP_PORT||8080,path:'/livez',rejectUnauthorized:false},r=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))"]
# Room for what lives shortly, and little for garbage: stack/node-flags.ts says why.
CMD ["node", "--max-semi-space-size=32", "--heap-growing-percent=30", "cli/livedrop.mjs", "serve"]
